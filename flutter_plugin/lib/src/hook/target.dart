/// What a library is built for, as hooks name it.
final class Target {
  /// Of the names that hooks use: `linux`, `macos`, `windows`, `android`, `ios`; `x64`,
  /// `arm64`, `arm`, `ia32`.
  const Target({
    required this.os,
    required this.architecture,
    this.simulator = false,
  });

  /// The system.
  final String os;

  /// The processor.
  final String architecture;

  /// Whether it is the simulator of a phone.
  final bool simulator;

  /// The system as Go names it.
  String get goos => os == 'macos' ? 'darwin' : os;

  /// The processor as Go names it.
  String get goarch => switch (architecture) {
    'x64' => 'amd64',
    'ia32' => '386',
    _ => architecture,
  };

  /// Whether Go makes an archive for it, which Apple's linker makes a library of.
  bool get isArchive => os == 'macos' || os == 'ios';

  /// The name in a manifest: Go's two, such as `linux/amd64`.
  String get name => '$goos/$goarch${simulator ? '-simulator' : ''}';

  /// The file name of the library in an application.
  String get libraryName => switch (os) {
    'windows' => 'voile.dll',
    'macos' || 'ios' => 'libvoile.dylib',
    _ => 'libvoile.so',
  };

  @override
  String toString() => name;
}
