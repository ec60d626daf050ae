import 'dart:typed_data';

import 'package:test/test.dart';
import 'package:voile/core.dart';

import 'fake_backend.dart';

/// A cipher that adds one to each byte and a tag of sixteen times 0xee, so that the
/// places of the parts can be seen.
Object? cipher(Map<String, dynamic> request, List<Uint8List> blobs) =>
    switch (request['cs_op'] ?? request['op']) {
      'GetCryptoSystem' => 1,
      'RandomNonce' => bytesToText(Uint8List(24)..fillRange(0, 24, 9)),
      'NonceLength' => 24,
      'AeadOverhead' => 16,
      'DeriveSharedSecret' =>
        'VLD0:${bytesToText(Uint8List.fromList([...blobs[0], ...blobs[1]]))}',
      'EncryptAead' => Uint8List.fromList([
        for (final byte in blobs.single) byte + 1,
        ...List.filled(16, 0xee),
      ]),
      'DecryptAead' => Uint8List.fromList([
        for (final byte in blobs.single.take(blobs.single.length - 16))
          byte - 1,
      ]),
      'CryptNoAuth' => Uint8List.fromList([
        for (final byte in blobs.single) byte ^ 0xff,
      ]),
      _ => null,
    };

void main() {
  late FakeBackend backend;
  late VeilidCryptoSystem system;
  final body = Uint8List.fromList([1, 2, 3]);
  final nonce = List.filled(24, 9);
  final secret = SharedSecret.fromString('VLD0:AAAA');

  setUp(() async {
    backend = FakeBackend(cipher);
    final veilid = Veilid.over(backend);
    await veilid.startupVeilidCore(fakeConfig());
    system = await veilid.bestCryptoSystem();
  });

  test('the kind', () => expect(system.kind(), cryptoKindVLD0));

  test('a nonce is behind the ciphertext and its tag', () async {
    final sealed = await system.encryptAeadWithNonce(body, secret);
    expect(sealed, [2, 3, 4, ...List.filled(16, 0xee), ...nonce]);
    expect(await system.decryptAeadWithNonce(sealed, secret), body);
  });

  test('a secret is made of the password and the nonce', () async {
    final sealed = await system.encryptAeadWithPassword(body, 'pä');
    expect(sealed, [2, 3, 4, ...List.filled(16, 0xee), ...nonce]);
    final used = backend.links.single.requests.last['shared_secret'];
    expect(
      used,
      'VLD0:${bytesToText(Uint8List.fromList([0x70, 0xc3, 0xa4, ...nonce]))}',
    );
    expect(await system.decryptAeadWithPassword(sealed, 'pä'), body);
  });

  test('without a tag', () async {
    final sealed = await system.encryptNoAuthWithNonce(body, secret);
    expect(sealed, [254, 253, 252, ...nonce]);
    expect(await system.decryptNoAuthWithNonce(sealed, secret), body);
    final other = await system.encryptNoAuthWithPassword(body, 'p');
    expect(await system.decryptNoAuthWithPassword(other, 'p'), body);
  });

  test('too few bytes', () async {
    await expectLater(
      system.decryptAeadWithNonce(Uint8List(39), secret),
      throwsFormatException,
    );
    await expectLater(
      system.decryptAeadWithPassword(Uint8List(39), 'p'),
      throwsFormatException,
    );
    await expectLater(
      system.decryptNoAuthWithNonce(Uint8List(23), secret),
      throwsFormatException,
    );
    await expectLater(
      system.decryptNoAuthWithPassword(Uint8List(23), 'p'),
      throwsFormatException,
    );
    expect(await system.decryptNoAuthWithNonce(Uint8List(24), secret), isEmpty);
  });
}
