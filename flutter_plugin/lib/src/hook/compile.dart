import 'dart:io';

import 'apple.dart';
import 'settings.dart';
import 'target.dart';

/// Compiles the library with Go and the C compiler of the target.
///
/// [source] is the folder of Voile; null: the folder above this package. It is built
/// anew each time; Go's cache makes that quick, and nothing is written if nothing has
/// changed, so that programs which have the library open go on.
Future<Built> compile(
  Target target,
  BuildSettings settings, {
  Uri? source,
}) async {
  final folder = source ?? settings.packageRoot.resolve('../');
  final root = Directory.fromUri(folder);
  if (!File.fromUri(root.uri.resolve('bind/clib/voile.h')).existsSync()) {
    throw BuildException(
      'there is no source of Voile in ${root.path}: '
      'set hooks.user_defines.voile.source to its folder',
    );
  }
  final out = Directory.fromUri(
    settings.shared.resolve('compiled/${target.name}/'),
  );
  await out.create(recursive: true);
  final library = out.uri.resolve(target.libraryName);
  final fresh = out.uri.resolve('fresh-${target.libraryName}');
  final archive = out.uri.resolve('libvoile.a');
  await run(
    'go',
    [
      'build',
      '-trimpath',
      '-buildmode=${target.isArchive ? 'c-archive' : 'c-shared'}',
      '-ldflags=-s -w',
      '-o',
      (target.isArchive ? archive : fresh).toFilePath(),
      './bind/clib',
    ],
    environment: await _environment(target, settings),
    workingDirectory: root.path,
  );
  if (target.isArchive) {
    await linkArchive(target, settings, archive: archive, library: fresh);
  }
  await _replaceIfDifferent(File.fromUri(fresh), File.fromUri(library));
  return (library: library, dependencies: await _sources(root));
}

Future<Map<String, String>> _environment(
  Target target,
  BuildSettings settings,
) async => {
  'GOOS': target.goos,
  'GOARCH': target.goarch,
  'CGO_ENABLED': '1',
  ...switch (target.os) {
    'android' => {
      'CC': _androidCompiler(target, settings),
      // Devices with pages of 16 KiB refuse libraries that are not made for them.
      'CGO_LDFLAGS': '-Wl,-z,max-page-size=16384',
    },
    'ios' || 'macos' => await _apple(target, settings),
    _ => const <String, String>{},
  },
};

String _androidCompiler(Target target, BuildSettings settings) {
  final compiler = settings.compiler;
  if (compiler == null) {
    throw const BuildException(
      'the Android NDK was not found: install it with the SDK manager',
    );
  }
  final machine = switch (target.architecture) {
    'arm64' => 'aarch64-linux-android',
    'arm' => 'armv7a-linux-androideabi',
    'x64' => 'x86_64-linux-android',
    _ => 'i686-linux-android',
  };
  final path = compiler.toFilePath();
  return '"$path" --target=$machine${settings.minimumVersion}';
}

Future<Map<String, String>> _apple(
  Target target,
  BuildSettings settings,
) async {
  final sdk = appleSdk(target);
  final clang = await run('xcrun', ['--sdk', sdk, '--find', 'clang']);
  final path = await run('xcrun', ['--sdk', sdk, '--show-sdk-path']);
  final flags = ['-isysroot', path, ...appleFlags(target, settings)].join(' ');
  return {'CC': clang, 'CGO_CFLAGS': flags, 'CGO_LDFLAGS': flags};
}

Future<void> _replaceIfDifferent(File fresh, File library) async {
  if (library.existsSync() &&
      _same(await fresh.readAsBytes(), await library.readAsBytes())) {
    await fresh.delete();
    return;
  }
  // A rename, not a write: who has the old file open keeps it.
  await fresh.rename(library.path);
}

bool _same(List<int> a, List<int> b) {
  if (a.length != b.length) {
    return false;
  }
  for (var i = 0; i < a.length; i++) {
    if (a[i] != b[i]) {
      return false;
    }
  }
  return true;
}

/// The files that the library is made of.
Future<List<Uri>> _sources(Directory root) async {
  const folders = ['bind', 'core', 'platform'];
  const endings = ['.go', '.c', '.h'];
  return [
    root.uri.resolve('go.mod'),
    root.uri.resolve('go.sum'),
    for (final folder in folders)
      await for (final file in Directory.fromUri(
        root.uri.resolve('$folder/'),
      ).list(recursive: true, followLinks: false))
        if (file is File &&
            endings.any(file.path.endsWith) &&
            !file.path.endsWith('_test.go'))
          file.uri,
  ];
}
