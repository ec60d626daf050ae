import 'dart:io';

import 'settings.dart';
import 'target.dart';

/// Makes a library of [archive] with Apple's tools: Go makes no libraries for iOS, and
/// those for macOS are prebuilt elsewhere as archives.
Future<void> linkArchive(
  Target target,
  BuildSettings settings, {
  required Uri archive,
  required Uri library,
}) async {
  await run('xcrun', [
    '--sdk',
    appleSdk(target),
    'clang',
    '-dynamiclib',
    ...appleFlags(target, settings),
    '-Wl,-force_load,${archive.toFilePath()}',
    '-framework',
    'CoreFoundation',
    '-framework',
    'Security',
    '-lresolv',
    // The bundler writes another name into the library, for which it needs room.
    '-Wl,-headerpad_max_install_names',
    '-install_name',
    '@rpath/${target.libraryName}',
    '-o',
    library.toFilePath(),
  ]);
}

/// The name of the SDK.
String appleSdk(Target target) => switch ((target.os, target.simulator)) {
  ('ios', true) => 'iphonesimulator',
  ('ios', false) => 'iphoneos',
  _ => 'macosx',
};

/// What the compiler and the linker are told of the target.
List<String> appleFlags(Target target, BuildSettings settings) {
  final version = settings.minimumVersion;
  return [
    '-arch',
    target.architecture == 'x64' ? 'x86_64' : target.architecture,
    switch ((target.os, target.simulator)) {
      ('ios', true) => '-mios-simulator-version-min=$version',
      ('ios', false) => '-miphoneos-version-min=$version',
      _ => '-mmacosx-version-min=$version',
    },
  ];
}

/// Runs a program and gives what it printed. A [BuildException] if it fails or is not
/// there.
Future<String> run(
  String program,
  List<String> arguments, {
  Map<String, String>? environment,
  String? workingDirectory,
}) async {
  final ProcessResult result;
  try {
    result = await Process.run(
      program,
      arguments,
      environment: environment,
      workingDirectory: workingDirectory,
    );
  } on ProcessException catch (error) {
    throw BuildException('$program cannot be run: ${error.message}');
  }
  if (result.exitCode != 0) {
    throw BuildException(
      '$program ${arguments.join(' ')}\n'
      'failed with status ${result.exitCode}:\n${result.stderr}',
    );
  }
  return (result.stdout as String).trim();
}
