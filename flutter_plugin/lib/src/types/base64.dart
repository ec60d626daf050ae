import 'dart:convert';
import 'dart:typed_data';

/// Bytes as text: the base64url alphabet without padding, as the library has them.
String bytesToText(Uint8List bytes) =>
    base64Url.encode(bytes).replaceAll('=', '');

/// The bytes of [text]. A [FormatException] (without the text, which may be a
/// secret) if it has padding, white space, a
/// character of another alphabet, a length that no bytes have, or bits at its end
/// that belong to no byte.
Uint8List textToBytes(String text) {
  final rest = text.length % 4;
  if (rest == 1) {
    throw FormatException(
      'not base64url: no bytes have ${text.length} characters',
    );
  }
  final out = Uint8List(text.length ~/ 4 * 3 + (rest == 0 ? 0 : rest - 1));
  var at = 0;
  var bits = 0;
  var have = 0;
  for (var i = 0; i < text.length; i++) {
    final value = _valueOf(text.codeUnitAt(i));
    if (value < 0) {
      throw FormatException('not base64url: character ${i + 1}');
    }
    bits = ((bits << 6) | value) & 0xffff;
    have += 6;
    if (have >= 8) {
      have -= 8;
      out[at++] = (bits >> have) & 0xff;
    }
  }
  if (bits & ((1 << have) - 1) != 0) {
    throw const FormatException('not base64url: bits left over');
  }
  return out;
}

int _valueOf(int unit) => switch (unit) {
  >= 0x41 && <= 0x5a => unit - 0x41, // A-Z
  >= 0x61 && <= 0x7a => unit - 0x61 + 26, // a-z
  >= 0x30 && <= 0x39 => unit - 0x30 + 52, // 0-9
  0x2d => 62, // -
  0x5f => 63, // _
  _ => -1,
};
