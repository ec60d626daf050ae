import 'dart:convert';

import 'settings.dart';
import 'target.dart';

/// One prebuilt file.
final class ManifestFile {
  /// Puts the parts together.
  const ManifestFile({
    required this.target,
    required this.file,
    required this.size,
    required this.sha256,
  });

  /// What it is for, such as `linux/amd64`.
  final String target;

  /// Its name, in the manifest's folder or below the release's address.
  final String file;

  /// Its bytes.
  final int size;

  /// Their sum, 64 hexadecimal digits.
  final String sha256;
}

/// The list of prebuilt libraries of a release, `dist/clib/manifest.json`.
final class Manifest {
  /// Puts the parts together.
  const Manifest({
    required this.version,
    required this.abi,
    required this.files,
  });

  /// Reads the JSON. A [BuildException] says what is wrong with it.
  factory Manifest.parse(String text) {
    try {
      final json = jsonDecode(text) as Map<String, dynamic>;
      return Manifest(
        version: json['version'] as String,
        abi: json['abi'] as int,
        files: [
          for (final file in json['files'] as List<dynamic>)
            _file(file as Map<String, dynamic>),
        ],
      );
    } on FormatException catch (error) {
      throw BuildException('the manifest cannot be read: ${error.message}');
    } on TypeError {
      throw const BuildException('the manifest has another form');
    }
  }

  static ManifestFile _file(Map<String, dynamic> json) {
    final file = ManifestFile(
      target: json['target'] as String,
      file: json['file'] as String,
      size: json['size'] as int,
      sha256: json['sha256'] as String,
    );
    if (!_name.hasMatch(file.file) || !_sum.hasMatch(file.sha256)) {
      throw const FormatException('a file name or a sum has another form');
    }
    return file;
  }

  static final RegExp _name = RegExp(r'^[A-Za-z0-9][A-Za-z0-9._-]*$');
  static final RegExp _sum = RegExp(r'^[0-9a-f]{64}$');

  /// The version of the release.
  final String version;

  /// The version of the interface, `VOILE_ABI`.
  final int abi;

  /// What there is.
  final List<ManifestFile> files;

  /// The library for [target].
  ManifestFile of(Target target) => files.firstWhere(
    (file) => file.target == target.name,
    orElse: () => throw BuildException(
      'there is no prebuilt library for $target in version $version (there is: '
      '${files.map((file) => file.target).join(', ')}): set '
      'hooks.user_defines.voile.compile to true, which needs Go',
    ),
  );
}
