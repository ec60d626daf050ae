import '../host.dart';

/// Flutter in a browser, where the module does all of it by itself.
VeilidHost flutterHost() => const _PageHost();

final class _PageHost implements VeilidHost {
  const _PageHost();

  @override
  Future<String> get supportDirectory async => '';

  @override
  VeilidSecretStore? get secrets => null;

  @override
  VeilidHostWatch watch(void Function({required bool on}) foreground) =>
      const _NoWatch();
}

final class _NoWatch implements VeilidHostWatch {
  const _NoWatch();

  @override
  void stop() {}
}
