@TestOn('vm')
library;

import 'dart:convert';
import 'dart:io';

import 'package:crypto/crypto.dart';
import 'package:test/test.dart';
import 'package:voile/src/hook/manifest.dart';
import 'package:voile/src/hook/prebuilt.dart';
import 'package:voile/src/hook/settings.dart';
import 'package:voile/src/hook/target.dart';

const BuildTarget linux = BuildTarget(os: 'linux', architecture: 'x64');

String manifest(List<int> content, {String? sum, int abi = 1}) => jsonEncode({
  'version': '0.1.0',
  'abi': abi,
  'files': [
    {
      'target': 'linux/amd64',
      'file': 'libvoile-linux-amd64.so',
      'size': content.length,
      'sha256': sum ?? '${sha256.convert(content)}',
    },
  ],
});

Matcher failsWith(String text) => throwsA(
  isA<BuildException>().having((e) => e.message, 'message', contains(text)),
);

void main() {
  late Directory folder;
  late BuildSettings settings;

  setUp(() async {
    folder = await Directory.systemTemp.createTemp('voile-hook');
    settings = BuildSettings(
      packageRoot: folder.uri.resolve('package/'),
      shared: folder.uri.resolve('shared/'),
      compiler: null,
      minimumVersion: 0,
    );
    await Directory.fromUri(
      settings.packageRoot.resolve('hook/'),
    ).create(recursive: true);
  });

  tearDown(() => folder.delete(recursive: true));

  test('names of targets', () {
    expect(linux.name, 'linux/amd64');
    expect(
      const BuildTarget(os: 'macos', architecture: 'arm64').name,
      'darwin/arm64',
    );
    expect(
      const BuildTarget(os: 'ios', architecture: 'x64', simulator: true).name,
      'ios/amd64-simulator',
    );
    expect(
      const BuildTarget(os: 'windows', architecture: 'arm64').libraryName,
      'voile.dll',
    );
  });

  test('a manifest of another form', () {
    expect(() => Manifest.parse('{'), failsWith('cannot be read'));
    expect(() => Manifest.parse('[]'), failsWith('another form'));
    expect(
      () =>
          Manifest.parse(manifest([1]).replaceFirst('libvoile', '../libvoile')),
      failsWith('another form'),
    );
    expect(
      () => Manifest.parse(
        manifest([1]),
      ).of(const BuildTarget(os: 'android', architecture: 'arm64')),
      failsWith('compile'),
    );
  });

  test('a library of a folder', () async {
    final content = utf8.encode('a library');
    final library = File('${folder.path}/libvoile-linux-amd64.so');
    await library.writeAsBytes(content);
    final list = File('${folder.path}/manifest.json');
    await list.writeAsString(manifest(content));
    final built = await prebuilt(linux, settings, folder: folder.uri);
    expect(built.library.toFilePath(), library.path);

    await library.writeAsString('another');
    await expectLater(
      prebuilt(linux, settings, folder: folder.uri),
      failsWith('has the sum'),
    );
    await list.writeAsString(manifest(content, abi: 2));
    await expectLater(
      prebuilt(linux, settings, folder: folder.uri),
      failsWith('interface 2'),
    );
  });

  test('a copy of no release says what to do', () async {
    await expectLater(prebuilt(linux, settings), failsWith('compile'));
  });

  group('a release', () {
    late HttpServer server;
    late List<int> served;
    var asked = 0;

    setUp(() async {
      asked = 0;
      served = utf8.encode('a library');
      server = await HttpServer.bind(InternetAddress.loopbackIPv4, 0);
      server.listen((request) async {
        asked++;
        if (request.uri.path == '/r/libvoile-linux-amd64.so') {
          request.response.add(served);
        } else {
          request.response.statusCode = HttpStatus.notFound;
        }
        await request.response.close();
      });
    });

    tearDown(() => server.close(force: true));

    Future<Built> get({String path = 'r'}) => prebuilt(
      linux,
      settings,
      releaseUrl: 'http://127.0.0.1:${server.port}/$path',
    );

    Future<void> list(String text) => File.fromUri(
      settings.packageRoot.resolve('hook/manifest.json'),
    ).writeAsString(text);

    test('is downloaded once', () async {
      await list(manifest(served));
      final built = await get();
      expect(await File.fromUri(built.library).readAsBytes(), served);
      await get();
      expect(asked, 1);
    });

    test('with another sum is refused, and not kept', () async {
      await list(manifest(utf8.encode('a Library')));
      await expectLater(get(), failsWith('has the sum'));
      await expectLater(get(), failsWith('has the sum'));
      expect(asked, 2);
    });

    test('that is larger than listed is refused', () async {
      await list(manifest(utf8.encode('short')));
      await expectLater(get(), failsWith('more than 5 bytes'));
    });

    test('that is not there says so', () async {
      await list(manifest(served));
      await expectLater(get(path: 'x'), failsWith('status 404'));
    });
  });
}
