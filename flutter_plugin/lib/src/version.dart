import 'package:meta/meta.dart';

import 'types/equality.dart';

/// The version of the API that the library speaks.
const String apiVersion = '0.5.8';

/// What of the original's build features holds in this library. In a browser
/// `debug-api` depends on the module, see `veilidFeatures`.
const List<String> apiFeatures = [
  'app-lifecycle',
  'debug-api',
  'default',
  'enable-crypto-vld0',
];

/// A version in three numbers.
@immutable
final class VeilidVersion with ValueEquality {
  /// Puts the parts together.
  const VeilidVersion(this.major, this.minor, this.patch);

  /// Changes when programs must change.
  final int major;

  /// Changes when something was added.
  final int minor;

  /// Changes when something was mended.
  final int patch;

  @override
  String toString() => '$major.$minor.$patch';

  @override
  List<Object?> get props => [major, minor, patch];
}
