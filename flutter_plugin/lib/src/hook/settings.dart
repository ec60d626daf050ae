/// What a build is told by the tool that runs the hook.
final class BuildSettings {
  /// Puts the parts together.
  const BuildSettings({
    required this.packageRoot,
    required this.shared,
    required this.compiler,
    required this.minimumVersion,
  });

  /// The folder of this package.
  final Uri packageRoot;

  /// A folder for results that builds share.
  final Uri shared;

  /// The C compiler for the target; null: the tool knows none.
  final Uri? compiler;

  /// The oldest version of the system that must run it: an API level of Android, a
  /// version of iOS or macOS; 0 elsewhere.
  final int minimumVersion;
}

/// A library, and the files that it depends on.
typedef Built = ({Uri library, List<Uri> dependencies});

/// A build that cannot be done; the message says what to do about it.
final class BuildException implements Exception {
  /// With [message].
  const BuildException(this.message);

  /// What is wrong, and what to do.
  final String message;

  @override
  String toString() => 'voile: $message';
}
