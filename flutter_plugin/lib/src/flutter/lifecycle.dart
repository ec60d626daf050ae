import 'package:flutter/widgets.dart';

import '../host.dart';

/// Tells when a Flutter application comes to the foreground or leaves it.
final class LifecycleWatch implements VeilidHostWatch {
  /// Tells [foreground], beginning with the next change.
  LifecycleWatch(void Function({required bool on}) foreground) {
    final binding = WidgetsFlutterBinding.ensureInitialized();
    var now = true;
    _listener = AppLifecycleListener(
      binding: binding,
      onStateChange: (state) {
        final on = switch (state) {
          AppLifecycleState.resumed || AppLifecycleState.inactive => true,
          AppLifecycleState.hidden ||
          AppLifecycleState.paused ||
          AppLifecycleState.detached => false,
        };
        if (on != now) {
          now = on;
          foreground(on: on);
        }
      },
    );
  }

  late final AppLifecycleListener _listener;

  @override
  void stop() => _listener.dispose();
}
