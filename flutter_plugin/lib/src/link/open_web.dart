import 'link.dart';
import 'web_link.dart';

/// The WebAssembly module in a worker of the page.
Backend openBackend() => WebBackend();
