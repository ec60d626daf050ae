// Gives applications the native library. It is run by `dart` and `flutter` at each
// build; the application's pubspec.yaml may say how:
//
//   hooks:
//     user_defines:
//       voile:
//         library: path/to/dist/clib   # a folder with manifest.json and libraries
//         release_url: https://…       # where the prebuilt libraries are
//         compile: true                # with Go, which must be installed
//         source: path/to/voile        # what to compile
//
// Without any of it the library of this version is taken from its release. Whatever
// is not compiled here is checked against the sum in the manifest.
import 'package:code_assets/code_assets.dart';
import 'package:hooks/hooks.dart';
import 'package:voile/src/hook/compile.dart';
import 'package:voile/src/hook/prebuilt.dart';
import 'package:voile/src/hook/settings.dart';
import 'package:voile/src/hook/target.dart';

Future<void> main(List<String> arguments) async {
  await build(arguments, (input, output) async {
    if (!input.config.buildCodeAssets) {
      return; // A browser, or a build that only looks at data.
    }
    final code = input.config.code;
    final ios = code.targetOS == OS.iOS ? code.iOS : null;
    final target = Target(
      os: code.targetOS.name,
      architecture: code.targetArchitecture.name,
      simulator: ios != null && ios.targetSdk == IOSSdk.iPhoneSimulator,
    );
    final settings = BuildSettings(
      packageRoot: input.packageRoot,
      shared: input.outputDirectoryShared,
      compiler: code.cCompiler?.compiler,
      minimumVersion: switch (target.os) {
        'android' => code.android.targetNdkApi,
        'ios' => code.iOS.targetVersion,
        'macos' => code.macOS.targetVersion,
        _ => 0,
      },
    );
    final built = input.userDefines['compile'] == true
        ? await compile(
            target,
            settings,
            source: input.userDefines.path('source'),
          )
        : await prebuilt(
            target,
            settings,
            folder: input.userDefines.path('library'),
            releaseUrl: input.userDefines['release_url'] as String?,
          );
    output.assets.code.add(
      CodeAsset(
        package: input.packageName,
        name: 'src/link/bindings.dart',
        linkMode: DynamicLoadingBundled(),
        file: built.library,
      ),
    );
    output.dependencies.addAll(built.dependencies);
  });
}
