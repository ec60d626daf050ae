// Puts the files of `@voile/node` into a Flutter application:
//
//   dart run voile:web path/to/@voile/node
//
// The argument is the folder of the npm package, such as
// `node_modules/@voile/node` after `npm install @voile/node`, or `web` of Voile's
// source after `make web`. They go to `web/voile`.
import 'dart:io';

Future<void> main(List<String> arguments) async {
  if (arguments.length != 1) {
    stderr.writeln('usage: dart run voile:web <folder of @voile/node>');
    exit(2);
  }
  final from = Directory.fromUri(
    Directory(arguments.single).absolute.uri.resolve('dist/'),
  );
  const needed = ['browser.js', 'worker.js', 'voile.wasm'];
  for (final name in needed) {
    if (!File.fromUri(from.uri.resolve(name)).existsSync()) {
      stderr.writeln('there is no $name in ${from.path}');
      exit(1);
    }
  }
  if (!Directory('web').existsSync()) {
    stderr.writeln('there is no folder web here: run it where pubspec.yaml is');
    exit(1);
  }
  final to = Directory('web/voile');
  await to.create();
  var count = 0;
  await for (final entry in from.list(recursive: true)) {
    if (entry is! File || entry.path.endsWith('.d.ts')) {
      continue;
    }
    final name = entry.uri.path.substring(from.uri.path.length);
    final copy = File.fromUri(to.absolute.uri.resolve(name));
    await copy.parent.create(recursive: true);
    await entry.copy(copy.path);
    count++;
  }
  stdout.writeln('$count files are in ${to.path}');
}
