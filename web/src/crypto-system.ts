import { dispose, Handle } from "./handle.js";
import type {
  CryptoKind, DecapsulationKey, EncapsulationKey, HashDigest, KemKeyPair, KeyPair, Nonce, OperationName, Operations, PublicKey,
  SecretKey, SharedSecret, Signature,
} from "./generated/api.js";
import type { Requests, Wait } from "./requests.js";

/**
 * The operations on keys of one kind. They run in the node's thread, not in the
 * caller's. Keys of another kind or of a wrong length fail with Generic.
 */
export class CryptoSystem {
  readonly #requests: Requests;
  readonly #handle: Handle;

  /** @internal */
  constructor(requests: Requests, kind: CryptoKind) {
    this.#requests = requests;
    const make = (): Promise<number> => requests.do("GetCryptoSystem", { kind });
    this.#handle = new Handle(requests, "the cryptosystem", make, (id) => requests.release("CryptoSystem.Release", id));
    requests.net.add(this, this.#handle);
  }

  #on<N extends OperationName>(name: N, params: Operations[N]["params"], wait: Wait | undefined): Promise<Operations[N]["result"]> {
    return this.#requests.on(this.#handle, name, params, wait);
  }

  /** The kind. A kind that the node does not know fails with InvalidArgument, as everything here does then. */
  kind(wait?: Wait): Promise<CryptoKind> {
    return this.#on("CryptoSystem.Kind", {}, wait);
  }

  /** The key that a public key and another's secret key agree on; remembered, so that the next time is fast. */
  cachedDH(key: PublicKey, secret: SecretKey, wait?: Wait): Promise<SharedSecret> {
    return this.#on("CryptoSystem.CachedDh", { key, secret }, wait);
  }

  /** As cachedDH, without remembering. */
  computeDH(key: PublicKey, secret: SecretKey, wait?: Wait): Promise<SharedSecret> {
    return this.#on("CryptoSystem.ComputeDh", { key, secret }, wait);
  }

  /** A key for one purpose that a public key and another's secret key agree on. */
  generateSharedSecret(key: PublicKey, secret: SecretKey, domain: Uint8Array, wait?: Wait): Promise<SharedSecret> {
    return this.#on("CryptoSystem.GenerateSharedSecret", { key, secret, domain }, wait);
  }

  /** Random bytes, at most 1048576. */
  randomBytes(len: number, wait?: Wait): Promise<Uint8Array> {
    return this.#on("CryptoSystem.RandomBytes", { len }, wait);
  }

  /** A password's hash as text, of Argon2id; takes some 200 ms. The salt has 8 to 48 bytes. */
  hashPassword(password: Uint8Array, salt: Uint8Array, wait?: Wait): Promise<string> {
    return this.#on("CryptoSystem.HashPassword", { password, salt }, wait);
  }

  /** Whether a password has the hash; a text that is no hash fails with ParseError. */
  verifyPassword(password: Uint8Array, passwordHash: string, wait?: Wait): Promise<boolean> {
    return this.#on("CryptoSystem.VerifyPassword", { password, passwordHash }, wait);
  }

  /** A key made of a password, by Argon2id; takes some 200 ms. The salt has 8 to 48 bytes. */
  deriveSharedSecret(password: Uint8Array, salt: Uint8Array, wait?: Wait): Promise<SharedSecret> {
    return this.#on("CryptoSystem.DeriveSharedSecret", { password, salt }, wait);
  }

  /** A random nonce. */
  randomNonce(wait?: Wait): Promise<Nonce> {
    return this.#on("CryptoSystem.RandomNonce", {}, wait);
  }

  /** A random key. */
  randomSharedSecret(wait?: Wait): Promise<SharedSecret> {
    return this.#on("CryptoSystem.RandomSharedSecret", {}, wait);
  }

  /** A new identity. */
  generateKeyPair(wait?: Wait): Promise<KeyPair> {
    return this.#on("CryptoSystem.GenerateKeyPair", {}, wait);
  }

  /** The hash of bytes. */
  generateHash(data: Uint8Array, wait?: Wait): Promise<HashDigest> {
    return this.#on("CryptoSystem.GenerateHash", { data }, wait);
  }

  /** Whether bytes have the hash. */
  validateHash(data: Uint8Array, hashDigest: HashDigest, wait?: Wait): Promise<boolean> {
    return this.#on("CryptoSystem.ValidateHash", { data, hashDigest }, wait);
  }

  /** Whether two keys belong together. */
  validateKeyPair(key: PublicKey, secret: SecretKey, wait?: Wait): Promise<boolean> {
    return this.#on("CryptoSystem.ValidateKeyPair", { key, secret }, wait);
  }

  /** A signature of bytes. */
  sign(key: PublicKey, secret: SecretKey, data: Uint8Array, wait?: Wait): Promise<Signature> {
    return this.#on("CryptoSystem.Sign", { key, secret, data }, wait);
  }

  /** Whether a signature is that of the key and the bytes. */
  verify(key: PublicKey, data: Uint8Array, signature: Signature, wait?: Wait): Promise<boolean> {
    return this.#on("CryptoSystem.Verify", { key, data, signature }, wait);
  }

  /** Encrypts and seals, by XChaCha20-Poly1305; a nonce is used once with a key. */
  encryptAEAD(body: Uint8Array, nonce: Nonce, sharedSecret: SharedSecret, associatedData: Uint8Array | null = null, wait?: Wait): Promise<Uint8Array> {
    return this.#on("CryptoSystem.EncryptAead", { body, nonce, sharedSecret, associatedData }, wait);
  }

  /** Opens what encryptAEAD has made; what was changed fails with Generic. */
  decryptAEAD(body: Uint8Array, nonce: Nonce, sharedSecret: SharedSecret, associatedData: Uint8Array | null = null, wait?: Wait): Promise<Uint8Array> {
    return this.#on("CryptoSystem.DecryptAead", { body, nonce, sharedSecret, associatedData }, wait);
  }

  /** Encrypts or decrypts by XChaCha20; nothing tells whether the bytes were changed. */
  cryptNoAuth(body: Uint8Array, nonce: Nonce, sharedSecret: SharedSecret, wait?: Wait): Promise<Uint8Array> {
    return this.#on("CryptoSystem.CryptNoAuth", { body, nonce, sharedSecret }, wait);
  }

  /** A box for whoever has the secret key of the recipient; it does not say who made it. */
  hpkeSeal(recipient: EncapsulationKey, aad: Uint8Array, plaintext: Uint8Array, wait?: Wait): Promise<Uint8Array> {
    return this.#on("CryptoSystem.HpkeSeal", { recipient, aad, plaintext }, wait);
  }

  /** Opens a box. */
  hpkeOpen(secret: DecapsulationKey, aad: Uint8Array, sealed: Uint8Array, wait?: Wait): Promise<Uint8Array> {
    return this.#on("CryptoSystem.HpkeOpen", { secret, aad, sealed }, wait);
  }

  /** A pair of keys for boxes. */
  generateKemKeyPair(wait?: Wait): Promise<KemKeyPair> {
    return this.#on("CryptoSystem.GenerateKemKeyPair", {}, wait);
  }

  /** The key for boxes that belongs to an identity. */
  encapsulationKeyFromSigningKey(key: PublicKey, wait?: Wait): Promise<EncapsulationKey> {
    return this.#on("CryptoSystem.EncapsulationKeyFromSigningKey", { key }, wait);
  }

  /** The key that opens boxes for an identity. */
  decapsulationKeyFromSigningSecret(secret: SecretKey, wait?: Wait): Promise<DecapsulationKey> {
    return this.#on("CryptoSystem.DecapsulationKeyFromSigningSecret", { secret }, wait);
  }

  /** Fails unless it is a shared secret of this kind. */
  checkSharedSecret(secret: SharedSecret, wait?: Wait): Promise<void> {
    return this.#on("CryptoSystem.CheckSharedSecret", { secret }, wait);
  }

  /** Fails unless it is a nonce. */
  checkNonce(nonce: Nonce, wait?: Wait): Promise<void> {
    return this.#on("CryptoSystem.CheckNonce", { nonce }, wait);
  }

  /** Fails unless it is a hash of this kind. */
  checkHashDigest(digest: HashDigest, wait?: Wait): Promise<void> {
    return this.#on("CryptoSystem.CheckHashDigest", { digest }, wait);
  }

  /** Fails unless it is a public key of this kind. */
  checkPublicKey(key: PublicKey, wait?: Wait): Promise<void> {
    return this.#on("CryptoSystem.CheckPublicKey", { key }, wait);
  }

  /** Fails unless it is a secret key of this kind. */
  checkSecretKey(key: SecretKey, wait?: Wait): Promise<void> {
    return this.#on("CryptoSystem.CheckSecretKey", { key }, wait);
  }

  /** Fails unless it is a signature of this kind. */
  checkSignature(signature: Signature, wait?: Wait): Promise<void> {
    return this.#on("CryptoSystem.CheckSignature", { signature }, wait);
  }

  /** Bytes of a shared secret. */
  sharedSecretLength(wait?: Wait): Promise<number> {
    return this.#on("CryptoSystem.SharedSecretLength", {}, wait);
  }

  /** Bytes of a nonce. */
  nonceLength(wait?: Wait): Promise<number> {
    return this.#on("CryptoSystem.NonceLength", {}, wait);
  }

  /** Bytes of a hash. */
  hashDigestLength(wait?: Wait): Promise<number> {
    return this.#on("CryptoSystem.HashDigestLength", {}, wait);
  }

  /** Bytes of a public key. */
  publicKeyLength(wait?: Wait): Promise<number> {
    return this.#on("CryptoSystem.PublicKeyLength", {}, wait);
  }

  /** Bytes of a secret key. */
  secretKeyLength(wait?: Wait): Promise<number> {
    return this.#on("CryptoSystem.SecretKeyLength", {}, wait);
  }

  /** Bytes of a signature. */
  signatureLength(wait?: Wait): Promise<number> {
    return this.#on("CryptoSystem.SignatureLength", {}, wait);
  }

  /** Bytes of an encapsulation key. */
  encapsulationKeyLength(wait?: Wait): Promise<number> {
    return this.#on("CryptoSystem.EncapsulationKeyLength", {}, wait);
  }

  /** Bytes of a decapsulation key. */
  decapsulationKeyLength(wait?: Wait): Promise<number> {
    return this.#on("CryptoSystem.DecapsulationKeyLength", {}, wait);
  }

  /** Bytes that a salt should have. */
  defaultSaltLength(wait?: Wait): Promise<number> {
    return this.#on("CryptoSystem.DefaultSaltLength", {}, wait);
  }

  /** Bytes that encryptAEAD adds. */
  aeadOverhead(wait?: Wait): Promise<number> {
    return this.#on("CryptoSystem.AeadOverhead", {}, wait);
  }

  /** Lets go of it. Idempotent; other operations fail with NotInitialized then. */
  dispose(): void {
    this.#requests.net.dispose(this.#handle);
  }

  /** As dispose. */
  [dispose](): void {
    this.dispose();
  }
}
