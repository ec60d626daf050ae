import 'ffi_link.dart';
import 'link.dart';

/// The library that the build hook bundled.
Backend openBackend() => const FfiBackend();
