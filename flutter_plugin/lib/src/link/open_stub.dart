import '../types/exception.dart';
import 'link.dart';

/// A platform that has neither `dart:ffi` nor JavaScript.
Backend openBackend() => throw const VeilidAPIExceptionUnimplemented(
  'this platform has neither native libraries nor JavaScript',
);
