import 'dart:convert';
import 'dart:typed_data';

import 'session.dart';
import 'types/bare.dart';
import 'types/crypto_kind.dart';
import 'types/keys.dart';
import 'types/typed.dart';

/// The cryptography of one kind.
///
/// Keys carry their kind, which must be that of the system. Every operation
/// completes with a `VeilidAPIException` if it fails.
class VeilidCryptoSystem {
  VeilidCryptoSystem._(this._handle, this._kind) {
    handleFinalizer.attach(this, _handle, detach: this);
  }

  /// The system of [kind] with [id].
  factory VeilidCryptoSystem.of(Session session, int id, CryptoKind kind) =>
      VeilidCryptoSystem._(
        Handle(
          session,
          Future.value(id),
          op: 'CryptoSystem',
          idField: 'cs_id',
          opField: 'cs_op',
          release: 'Release',
        ),
        kind,
      );

  final Handle _handle;
  final CryptoKind _kind;

  /// Gives the system back. Operations that are under way go on; new ones fail.
  void close() {
    handleFinalizer.detach(this);
    _handle.close();
  }

  /// Its kind.
  CryptoKind kind() => _kind;

  /// The shared secret of a key and a secret of another pair. Results are kept.
  Future<SharedSecret> cachedDH(PublicKey key, SecretKey secret) async =>
      (await _handle.call('CachedDh', {
        'key': key.toJson(),
        'secret': secret.toJson(),
      })).object(SharedSecret.fromJson);

  /// [cachedDH] without keeping the result.
  Future<SharedSecret> computeDH(PublicKey key, SecretKey secret) async =>
      (await _handle.call('ComputeDh', {
        'key': key.toJson(),
        'secret': secret.toJson(),
      })).object(SharedSecret.fromJson);

  /// A shared secret for one purpose: another for each [domain].
  Future<SharedSecret> generateSharedSecret(
    PublicKey key,
    SecretKey secret,
    Uint8List domain,
  ) async => (await _handle.call('GenerateSharedSecret', {
    'key': key.toJson(),
    'secret': secret.toJson(),
    'domain': domain,
  })).object(SharedSecret.fromJson);

  /// [len] random bytes.
  Future<Uint8List> randomBytes(int len) async =>
      (await _handle.call('RandomBytes', {'len': len})).bytes;

  /// A text that [verifyPassword] checks passwords against. [salt] has 8 to 48 bytes.
  Future<String> hashPassword(Uint8List password, Uint8List salt) async =>
      (await _handle.call('HashPassword', {
        'password': password,
        'salt': salt,
      })).text;

  /// Whether [password] is the one that [passwordHash] was made of.
  Future<bool> verifyPassword(Uint8List password, String passwordHash) async =>
      (await _handle.call('VerifyPassword', {
        'password': password,
        'password_hash': passwordHash,
      })).flag;

  /// A secret made of a password, slowly. [salt] has 8 to 48 bytes.
  Future<SharedSecret> deriveSharedSecret(
    Uint8List password,
    Uint8List salt,
  ) async => (await _handle.call('DeriveSharedSecret', {
    'password': password,
    'salt': salt,
  })).object(SharedSecret.fromJson);

  /// A random nonce.
  Future<Nonce> randomNonce() async =>
      (await _handle.call('RandomNonce')).object(Nonce.fromJson);

  /// A random secret.
  Future<SharedSecret> randomSharedSecret() async =>
      (await _handle.call('RandomSharedSecret')).object(SharedSecret.fromJson);

  /// A new key pair.
  Future<KeyPair> generateKeyPair() async =>
      (await _handle.call('GenerateKeyPair')).object(KeyPair.fromJson);

  /// The hash of [data].
  Future<HashDigest> generateHash(Uint8List data) async => (await _handle.call(
    'GenerateHash',
    {'data': data},
  )).object(HashDigest.fromJson);

  /// Bytes of a shared secret.
  Future<int> sharedSecretLength() async =>
      (await _handle.call('SharedSecretLength')).number;

  /// Bytes of a nonce.
  Future<int> nonceLength() async => (await _handle.call('NonceLength')).number;

  /// Bytes of a hash.
  Future<int> hashDigestLength() async =>
      (await _handle.call('HashDigestLength')).number;

  /// Bytes of a public key.
  Future<int> publicKeyLength() async =>
      (await _handle.call('PublicKeyLength')).number;

  /// Bytes of a secret key.
  Future<int> secretKeyLength() async =>
      (await _handle.call('SecretKeyLength')).number;

  /// Bytes of a signature.
  Future<int> signatureLength() async =>
      (await _handle.call('SignatureLength')).number;

  /// Bytes of a salt, by default.
  Future<int> defaultSaltLength() async =>
      (await _handle.call('DefaultSaltLength')).number;

  /// Bytes that encryption adds.
  Future<int> aeadOverhead() async =>
      (await _handle.call('AeadOverhead')).number;

  /// Bytes of an encapsulation key.
  Future<int> encapsulationKeyLength() async =>
      (await _handle.call('EncapsulationKeyLength')).number;

  /// Bytes of a decapsulation key.
  Future<int> decapsulationKeyLength() async =>
      (await _handle.call('DecapsulationKeyLength')).number;

  /// Fails if the kind or the length of [secret] is wrong.
  Future<void> checkSharedSecret(SharedSecret secret) =>
      _handle.call('CheckSharedSecret', {'secret': secret.toJson()});

  /// Fails if the kind or the length of [nonce] is wrong.
  Future<void> checkNonce(Nonce nonce) =>
      _handle.call('CheckNonce', {'nonce': nonce.toJson()});

  /// Fails if the kind or the length of [digest] is wrong.
  Future<void> checkHashDigest(HashDigest digest) =>
      _handle.call('CheckHashDigest', {'digest': digest.toJson()});

  /// Fails if the kind or the length of [key] is wrong.
  Future<void> checkPublicKey(PublicKey key) =>
      _handle.call('CheckPublicKey', {'key': key.toJson()});

  /// Fails if the kind or the length of [key] is wrong.
  Future<void> checkSecretKey(SecretKey key) =>
      _handle.call('CheckSecretKey', {'key': key.toJson()});

  /// Fails if the kind or the length of [signature] is wrong.
  Future<void> checkSignature(Signature signature) =>
      _handle.call('CheckSignature', {'signature': signature.toJson()});

  /// Whether [secret] is the secret of [key].
  Future<bool> validateKeyPair(PublicKey key, SecretKey secret) async =>
      (await _handle.call('ValidateKeyPair', {
        'key': key.toJson(),
        'secret': secret.toJson(),
      })).flag;

  /// [validateKeyPair] of both halves of [keyPair].
  Future<bool> validateKeyPairWithKeyPair(KeyPair keyPair) =>
      validateKeyPair(keyPair.key, keyPair.secret);

  /// Whether [hash] is the hash of [data].
  Future<bool> validateHash(Uint8List data, HashDigest hash) async =>
      (await _handle.call('ValidateHash', {
        'data': data,
        'hash_digest': hash.toJson(),
      })).flag;

  /// Signs [data].
  Future<Signature> sign(
    PublicKey key,
    SecretKey secret,
    Uint8List data,
  ) async => (await _handle.call('Sign', {
    'key': key.toJson(),
    'secret': secret.toJson(),
    'data': data,
  })).object(Signature.fromJson);

  /// [sign] with both halves of [keyPair].
  Future<Signature> signWithKeyPair(KeyPair keyPair, Uint8List data) =>
      sign(keyPair.key, keyPair.secret, data);

  /// Whether [signature] of [data] was made with the secret of [key].
  Future<bool> verify(
    PublicKey key,
    Uint8List data,
    Signature signature,
  ) async => (await _handle.call('Verify', {
    'key': key.toJson(),
    'data': data,
    'signature': signature.toJson(),
  })).flag;

  /// Encrypts [body] so that changes are noticed. A nonce is used once per secret.
  Future<Uint8List> encryptAead(
    Uint8List body,
    Nonce nonce,
    SharedSecret sharedSecret,
    Uint8List? associatedData,
  ) async => (await _handle.call('EncryptAead', {
    'body': body,
    'nonce': nonce.toJson(),
    'shared_secret': sharedSecret.toJson(),
    'associated_data': associatedData,
  })).bytes;

  /// Decrypts what [encryptAead] made; fails if anything differs.
  Future<Uint8List> decryptAead(
    Uint8List body,
    Nonce nonce,
    SharedSecret sharedSecret,
    Uint8List? associatedData,
  ) async => (await _handle.call('DecryptAead', {
    'body': body,
    'nonce': nonce.toJson(),
    'shared_secret': sharedSecret.toJson(),
    'associated_data': associatedData,
  })).bytes;

  /// Encrypts or decrypts [body]. Changes are not noticed.
  Future<Uint8List> cryptNoAuth(
    Uint8List body,
    Nonce nonce,
    SharedSecret sharedSecret,
  ) async => (await _handle.call('CryptNoAuth', {
    'body': body,
    'nonce': nonce.toJson(),
    'shared_secret': sharedSecret.toJson(),
  })).bytes;

  /// A new pair for sealed messages.
  Future<KemKeyPair> generateKemKeyPair() async =>
      (await _handle.call('GenerateKemKeyPair')).object(KemKeyPair.fromJson);

  /// What is sealed to for the owner of a signing key.
  Future<EncapsulationKey> encapsulationKeyFromSigningKey(
    PublicKey key,
  ) async => (await _handle.call('EncapsulationKeyFromSigningKey', {
    'key': key.toJson(),
  })).object(EncapsulationKey.fromJson);

  /// What opens that, of the secret of the signing key.
  Future<DecapsulationKey> decapsulationKeyFromSigningSecret(
    SecretKey secret,
  ) async => (await _handle.call('DecapsulationKeyFromSigningSecret', {
    'secret': secret.toJson(),
  })).object(DecapsulationKey.fromJson);

  /// Seals [plaintext] so that only [recipient] can open it. [aad] must be the same there.
  Future<Uint8List> hpkeSeal(
    EncapsulationKey recipient,
    Uint8List aad,
    Uint8List plaintext,
  ) async => (await _handle.call('HpkeSeal', {
    'recipient': recipient.toJson(),
    'aad': aad,
    'plaintext': plaintext,
  })).bytes;

  /// Opens what [hpkeSeal] made.
  Future<Uint8List> hpkeOpen(
    DecapsulationKey secret,
    Uint8List aad,
    Uint8List sealed,
  ) async => (await _handle.call('HpkeOpen', {
    'secret': secret.toJson(),
    'aad': aad,
    'sealed': sealed,
  })).bytes;

  // What follows puts the nonce behind the ciphertext. Applications store and send
  // this, so that it is the same in all of them.

  /// Encrypts with a random nonce: the ciphertext, then the nonce of 24 bytes.
  Future<Uint8List> encryptAeadWithNonce(
    Uint8List body,
    SharedSecret secret,
  ) async {
    final nonce = await randomNonce();
    return _join(await encryptAead(body, nonce, secret, null), nonce);
  }

  /// Decrypts what [encryptAeadWithNonce] made. Too few bytes for a nonce and a tag
  /// are a [FormatException].
  Future<Uint8List> decryptAeadWithNonce(
    Uint8List body,
    SharedSecret secret,
  ) async {
    final (ciphertext, nonce) = await _split(body, await aeadOverhead());
    return decryptAead(ciphertext, nonce, secret, null);
  }

  /// [encryptAeadWithNonce] with a secret made of [password] and the nonce.
  Future<Uint8List> encryptAeadWithPassword(
    Uint8List body,
    String password,
  ) async {
    final nonce = await randomNonce();
    final secret = await _secretOf(password, nonce);
    return _join(await encryptAead(body, nonce, secret, null), nonce);
  }

  /// Decrypts what [encryptAeadWithPassword] made. Too few bytes for a nonce and a
  /// tag are a [FormatException].
  Future<Uint8List> decryptAeadWithPassword(
    Uint8List body,
    String password,
  ) async {
    final (ciphertext, nonce) = await _split(body, await aeadOverhead());
    final secret = await _secretOf(password, nonce);
    return decryptAead(ciphertext, nonce, secret, null);
  }

  /// [encryptAeadWithNonce] without the tag: changes are not noticed.
  Future<Uint8List> encryptNoAuthWithNonce(
    Uint8List body,
    SharedSecret secret,
  ) async {
    final nonce = await randomNonce();
    return _join(await cryptNoAuth(body, nonce, secret), nonce);
  }

  /// Decrypts what [encryptNoAuthWithNonce] made. Too few bytes for a nonce are a
  /// [FormatException].
  Future<Uint8List> decryptNoAuthWithNonce(
    Uint8List body,
    SharedSecret secret,
  ) async {
    final (ciphertext, nonce) = await _split(body, 0);
    return cryptNoAuth(ciphertext, nonce, secret);
  }

  /// [encryptAeadWithPassword] without the tag: changes are not noticed.
  Future<Uint8List> encryptNoAuthWithPassword(
    Uint8List body,
    String password,
  ) async {
    final nonce = await randomNonce();
    final secret = await _secretOf(password, nonce);
    return _join(await cryptNoAuth(body, nonce, secret), nonce);
  }

  /// Decrypts what [encryptNoAuthWithPassword] made. Too few bytes for a nonce are
  /// a [FormatException].
  Future<Uint8List> decryptNoAuthWithPassword(
    Uint8List body,
    String password,
  ) async {
    final (ciphertext, nonce) = await _split(body, 0);
    return cryptNoAuth(ciphertext, nonce, await _secretOf(password, nonce));
  }

  Future<SharedSecret> _secretOf(String password, Nonce nonce) =>
      deriveSharedSecret(utf8.encode(password), nonce.toBytes());

  static Uint8List _join(Uint8List ciphertext, Nonce nonce) =>
      Uint8List(ciphertext.length + nonce.length)
        ..setAll(0, ciphertext)
        ..setAll(ciphertext.length, nonce.toBytes());

  Future<(Uint8List ciphertext, Nonce nonce)> _split(
    Uint8List body,
    int overhead,
  ) async {
    final nonceBytes = await nonceLength();
    if (body.length < nonceBytes + overhead) {
      throw FormatException(
        '${body.length} bytes are too few: the nonce has $nonceBytes and the '
        'tag $overhead',
      );
    }
    final at = body.length - nonceBytes;
    return (
      Uint8List.sublistView(body, 0, at),
      Nonce.fromBytes(Uint8List.sublistView(body, at)),
    );
  }
}
