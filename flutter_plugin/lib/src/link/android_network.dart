import 'dart:async';
import 'dart:convert';
import 'dart:io';

/// The network of an Android device, which its apps may ask through Dart but not
/// through the library: since Android 11 the system refuses what Go asks.
///
/// Dart does not tell how long a network's prefix is; /24 and /64 stand for it. It
/// does not tell the way to the internet either: of the interfaces that have an
/// address the one whose name comes first below is taken for it.
final class AndroidNetwork {
  /// With a look every [interval] while the application is in the foreground.
  AndroidNetwork({this.interval = const Duration(seconds: 10)});

  /// How often to look.
  final Duration interval;

  void Function(String facts)? _changed;
  Timer? _timer;
  String? _facts;
  bool _stopped = false;

  /// What is known, as `voile_node_set_network` takes it; null before [look].
  String? get facts => _facts;

  /// Looks, and says whether anything is different.
  Future<bool> look() async {
    final interfaces = await NetworkInterface.list(
      includeLoopback: true,
      includeLinkLocal: true,
    );
    final now = jsonEncode(networkFacts(interfaces));
    final different = now != _facts;
    _facts = now;
    return different;
  }

  /// Tells [changed] of differences, until [stop].
  void watch(void Function(String facts) changed) {
    _changed = changed;
    setForeground(on: true);
  }

  /// Looks now, and tells of a difference.
  Future<void> lookAgain() async {
    try {
      if (await look() && !_stopped) {
        _changed?.call(_facts!);
      }
    } on SocketException {
      // The device did not say; the next look may.
    }
  }

  /// Looks at once and then at intervals, or no more.
  void setForeground({required bool on}) {
    _timer?.cancel();
    _timer = null;
    if (on && !_stopped) {
      unawaited(lookAgain());
      _timer = Timer.periodic(interval, (_) => unawaited(lookAgain()));
    }
  }

  /// Ends the looks.
  void stop() {
    _stopped = true;
    _timer?.cancel();
    _timer = null;
  }
}

/// Names that interfaces begin with, those to take for the way out first. A VPN is
/// before what it goes over.
const List<String> _preference = ['tun', 'wlan', 'eth', 'rmnet', 'ccmni', ''];

/// What `voile_node_set_network` takes, of what Dart knows of interfaces.
Map<String, Object?> networkFacts(List<NetworkInterface> interfaces) => {
  'interfaces': [
    for (final nic in interfaces)
      {
        'name': nic.name,
        'index': nic.index,
        'running': true,
        'loopback': nic.addresses.every((a) => a.isLoopback),
        'addresses': [
          for (final address in nic.addresses)
            {'prefix': '${_plain(address)}/${_prefixLength(address)}'},
        ],
      },
  ],
  'egress4': _egress(interfaces, InternetAddressType.IPv4),
  'egress6': _egress(interfaces, InternetAddressType.IPv6),
};

/// The address without the zone that Dart puts behind it (`fe80::1%wlan0`).
String _plain(InternetAddress address) => address.address.split('%').first;

int _prefixLength(InternetAddress address) {
  final v4 = address.type == InternetAddressType.IPv4;
  if (address.isLoopback) {
    return v4 ? 8 : 128;
  }
  return v4 ? 24 : 64;
}

Map<String, Object?>? _egress(
  List<NetworkInterface> interfaces,
  InternetAddressType type,
) {
  for (final start in _preference) {
    for (final nic in interfaces) {
      if (!nic.name.startsWith(start)) {
        continue;
      }
      for (final address in nic.addresses) {
        if (address.type == type &&
            !address.isLoopback &&
            !address.isLinkLocal) {
          return {'source': _plain(address), 'interface': nic.name};
        }
      }
    }
  }
  return null;
}
