import 'dart:io';

import 'package:crypto/crypto.dart';

import 'apple.dart';
import 'manifest.dart';
import 'settings.dart';
import 'target.dart';

/// The interface that `bindings.dart` was written for.
const int _abi = 1;

/// Takes a prebuilt library, of [folder] or else of the release of this version.
///
/// [releaseUrl] is the address that the release's files are below; null: that of the
/// project. The sums are those of the manifest in [folder] or in this package, never
/// those of an address.
Future<Built> prebuilt(
  Target target,
  BuildSettings settings, {
  Uri? folder,
  String? releaseUrl,
}) async {
  final place = folder == null ? null : Directory.fromUri(folder).uri;
  final list = (place ?? settings.packageRoot.resolve('hook/')).resolve(
    'manifest.json',
  );
  final file = File.fromUri(list);
  if (!file.existsSync()) {
    throw BuildException(
      place == null
          ? 'this copy of the package is of no release and has no list of prebuilt '
                'libraries: set hooks.user_defines.voile.compile to true (which '
                'needs Go), or .library to a folder that has them'
          : 'there is no ${file.path}',
    );
  }
  final manifest = Manifest.parse(await file.readAsString());
  if (manifest.abi != _abi) {
    throw BuildException(
      '${file.path} has libraries with interface ${manifest.abi}, this package '
      'needs $_abi',
    );
  }
  final wanted = manifest.of(target);
  final Uri got;
  if (place == null) {
    final base = Uri.parse(
      releaseUrl ??
          'https://github.com/voile-net/voile/releases/download/'
              'v${manifest.version}/',
    );
    got = await download(_below(base, wanted.file), wanted, settings);
  } else {
    got = place.resolve(wanted.file);
    await _check(File.fromUri(got), wanted);
  }
  if (!wanted.file.endsWith('.a')) {
    return (library: got, dependencies: [list, got]);
  }
  final library = settings.shared.resolve(
    'linked/${wanted.sha256}/${target.name}/${target.libraryName}',
  );
  if (!File.fromUri(library).existsSync()) {
    await Directory.fromUri(library.resolve('.')).create(recursive: true);
    await linkArchive(target, settings, archive: got, library: library);
  }
  return (library: library, dependencies: [list, got]);
}

Uri _below(Uri base, String name) =>
    (base.path.endsWith('/') ? base : base.replace(path: '${base.path}/'))
        .resolve(name);

/// Downloads a file, unless it is there already, and checks its sum.
Future<Uri> download(
  Uri address,
  ManifestFile wanted,
  BuildSettings settings,
) async {
  final place = settings.shared.resolve(
    'downloaded/${wanted.sha256}/${wanted.file}',
  );
  final there = File.fromUri(place);
  if (there.existsSync()) {
    await _check(there, wanted);
    return place;
  }
  await there.parent.create(recursive: true);
  final part = File('${there.path}.part');
  final client = HttpClient();
  try {
    final response = await (await client.getUrl(address)).close();
    if (response.statusCode != HttpStatus.ok) {
      throw BuildException('$address: status ${response.statusCode}');
    }
    var size = 0;
    final sink = part.openWrite();
    try {
      await for (final bytes in response) {
        size += bytes.length;
        if (size > wanted.size) {
          throw BuildException('$address: more than ${wanted.size} bytes');
        }
        sink.add(bytes);
      }
    } finally {
      await sink.close();
    }
    await _check(part, wanted);
    // Whole or not at all; and never into a file that a program has open.
    await part.rename(there.path);
    return place;
  } on IOException catch (error) {
    throw BuildException(
      '$address cannot be downloaded: $error. Set '
      'hooks.user_defines.voile.release_url to another place, or .library to a '
      'folder with the files',
    );
  } finally {
    client.close(force: true);
  }
}

Future<void> _check(File file, ManifestFile wanted) async {
  if (!file.existsSync()) {
    throw BuildException('there is no ${file.path}');
  }
  final digest = await sha256.bind(file.openRead()).first;
  if ('$digest' != wanted.sha256) {
    throw BuildException(
      '${file.path} has the sum $digest, the manifest says ${wanted.sha256}: it '
      'was changed or cut off',
    );
  }
}
