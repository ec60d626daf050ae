"""Cryptography: spec vectors, round trips, and what is refused."""

import veilid
from veilid import BareSharedSecret, CryptoKind, HashDigest, KeyPair, Nonce, PublicKey, SharedSecret, Signature

from tests.base import VLD0, ServerTest

KP1 = KeyPair("VLD0:A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")
KP2 = KeyPair("VLD0:Kay64UG8yvCyLhqU000LxzYeUm0L_hLIl5S8kyKWbdc:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8")
SECRET = SharedSecret.from_value(VLD0, BareSharedSecret.from_bytes(bytes(range(0x40, 0x60))))
NONCE = Nonce.from_bytes(bytes(range(24)))
SALT = bytes(range(16))


class TestCrypto(ServerTest):
    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.cs = await self.enterAsyncContext(await self.a.get_crypto_system(VLD0))

    async def test_kinds(self):
        self.assertEqual([VLD0], await self.a.valid_crypto_kinds())
        self.assertEqual(VLD0, await self.cs.kind())

    async def test_unknown_kind(self):
        with self.fails(
            veilid.VeilidAPIErrorInvalidArgument, context="unsupported cryptosystem", argument="kind", value="NONE"
        ):
            await self.a.get_crypto_system(CryptoKind.CRYPTO_KIND_NONE)
        with self.fails(veilid.VeilidAPIErrorGeneric, message="invalid crypto kind"):
            await self.a.generate_key_pair(CryptoKind.CRYPTO_KIND_VLD1)

    async def test_lengths(self):
        cs = self.cs
        self.assertEqual(
            (32, 24, 32, 32, 32, 64, 16, 16),
            (
                await cs.shared_secret_length(), await cs.nonce_length(), await cs.hash_digest_length(),
                await cs.public_key_length(), await cs.secret_key_length(), await cs.signature_length(),
                await cs.default_salt_length(), await cs.aead_overhead(),
            ),
        )

    async def test_vectors(self):
        cs = self.cs
        for name, got, want in (
            ("hash", await cs.generate_hash(b"abc123"), "VLD0:ADB87WqLJ41eOp93sTjQ6dIglxfJ1FsgX0J6c1Zcxfs"),
            (
                "signature", await cs.sign(KP1.key(), KP1.secret(), b"abc123"),
                "VLD0:5Mer6S4FW0BzvnWtiHWRjDu6c1npqFZ2xcSJUdq-nCPva3EXHocj6af0y3A1PE884avJ8_tdY8TqdS3NIfD0Cw",
            ),
            ("exchange", await cs.compute_dh(KP1.key(), KP2.secret()), "VLD0:BAnf07fesoNzqC1-aEA23aVjBK_VJ-vYY_DMFl2BQIA"),
            ("cached", await cs.cached_dh(KP2.key(), KP1.secret()), "VLD0:BAnf07fesoNzqC1-aEA23aVjBK_VJ-vYY_DMFl2BQIA"),
            (
                "shared secret", await cs.generate_shared_secret(KP1.key(), KP2.secret(), b"abc123"),
                "VLD0:ZaXPwQxb76-VszHIAx48vyOku7gFQxXTecL310BtnTQ",
            ),
            ("derived", await cs.derive_shared_secret(b"abc123", SALT), "VLD0:aCgl86jbQK5AqXUdRqU1zCQuIqT-BCx60lsL7lidnX0"),
            (
                "password", await cs.hash_password(b"abc123", SALT),
                "$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$aCgl86jbQK5AqXUdRqU1zCQuIqT+BCx60lsL7lidnX0",
            ),
            ("sealed", await cs.encrypt_aead(b"hello", NONCE, SECRET, None), bytes.fromhex("f199a56c27c67d1d3d66ac312c2290bca0d5173711")),
            ("masked", await cs.crypt_no_auth(b"hello", NONCE, SECRET), bytes.fromhex("28df8723cc")),
            ("member", await self.a.generate_member_id(KP2.key()), "VLD0:Kay64UG8yvCyLhqU000LxzYeUm0L_hLIl5S8kyKWbdc"),
        ):
            with self.subTest(name):
                self.assertEqual(want, got)

    async def test_record_keys(self):
        two = veilid.DHTSchema.dflt(2)
        member = veilid.DHTSchemaSMPLMember(veilid.BareMemberId(KP2.key().value()), 1)
        for schema, encryption, want in (
            (two, None, "VLD0:HgYe16JsLuPiMGkWFP9H2_Qx5lVi9tWHFuu_96gBh3A"),
            (two, SECRET, "VLD0:HgYe16JsLuPiMGkWFP9H2_Qx5lVi9tWHFuu_96gBh3A:QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8"),
            (veilid.DHTSchema.smpl(0, [member]), None, "VLD0:xjbXtv8ot295aCAhga-6AgVD8OrH-uJQjoQVpQW0aQg"),
        ):
            self.assertEqual(want, await self.a.get_dht_record_key(schema, KP1.key(), encryption))

    async def test_signatures(self):
        mine, other = await self.cs.generate_key_pair(), await self.cs.generate_key_pair()
        signature = await self.cs.sign(mine.key(), mine.secret(), b"text")
        self.assertTrue(await self.cs.verify(mine.key(), b"text", signature))
        self.assertFalse(await self.cs.verify(mine.key(), b"other", signature))
        self.assertFalse(await self.cs.verify(other.key(), b"text", signature))
        with self.assertRaises(veilid.VeilidAPIErrorParseError):
            await self.cs.sign(mine.key(), other.secret(), b"text")

    async def test_signatures_of_the_node_api(self):
        pair = KeyPair("".join(await self.a.generate_key_pair(VLD0)))
        signatures = await self.a.generate_signatures(b"text", [pair])
        self.assertEqual([pair.key()], await self.a.verify_signatures([pair.key()], b"text", signatures))
        self.assertIsNone(await self.a.verify_signatures([pair.key()], b"other", signatures))

    async def test_shared_secrets(self):
        one, two = await self.cs.generate_key_pair(), await self.cs.generate_key_pair()
        secret = await self.cs.generate_shared_secret(one.key(), two.secret(), b"domain")
        self.assertEqual(secret, await self.cs.generate_shared_secret(two.key(), one.secret(), b"domain"))
        self.assertNotEqual(secret, await self.cs.generate_shared_secret(two.key(), one.secret(), b"another"))
        three = await self.cs.generate_key_pair()
        self.assertNotEqual(secret, await self.cs.generate_shared_secret(three.key(), one.secret(), b"domain"))

    async def test_sealing(self):
        for aad in (None, b"", b"about"):
            sealed = await self.cs.encrypt_aead(b"hello", NONCE, SECRET, aad)
            self.assertEqual(b"hello", await self.cs.decrypt_aead(sealed, NONCE, SECRET, aad))
        with self.fails(veilid.VeilidAPIErrorGeneric, message="Generic: aead error"):
            await self.cs.decrypt_aead(sealed, NONCE, SECRET, b"of another")
        masked = await self.cs.crypt_no_auth(b"hello", NONCE, SECRET)
        self.assertEqual(b"hello", await self.cs.crypt_no_auth(masked, NONCE, SECRET))

    async def test_passwords(self):
        salt = (await self.cs.random_nonce()).to_bytes()  # 24 bytes are as good as 16
        kept = await self.cs.hash_password(b"right", salt)
        self.assertTrue(await self.cs.verify_password(b"right", kept))
        self.assertFalse(await self.cs.verify_password(b"wrong", kept))
        with self.assertRaises(veilid.VeilidAPIErrorParseError):
            await self.cs.verify_password(b"right", "no hash")
        with self.assertRaises(veilid.VeilidAPIErrorGeneric):
            await self.cs.hash_password(b"right", b"short")

    async def test_checks(self):
        cs = self.cs
        pair, digest = await cs.generate_key_pair(), await cs.generate_hash(b"")
        await cs.check_public_key(pair.key())
        await cs.check_secret_key(pair.secret())
        await cs.check_shared_secret(await cs.random_shared_secret())
        await cs.check_nonce(await cs.random_nonce())
        await cs.check_hash_digest(digest)
        await cs.check_signature(await cs.sign(pair.key(), pair.secret(), b""))
        for check, value, message in (
            (cs.check_public_key, PublicKey("VLD0:AAAA"), "invalid public key length: 3 != 32"),
            (cs.check_hash_digest, HashDigest("VLD1:" + digest[5:]), "incorrect hash digest kind"),
            (cs.check_signature, Signature("VLD0:AAAA"), "invalid signature length: 3 != 64"),
            (cs.check_nonce, Nonce("AAAA"), "invalid nonce length: 3 != 24"),
        ):
            with self.fails(veilid.VeilidAPIErrorGeneric, message=message):
                await check(value)

    async def test_validation(self):
        pair, other = await self.cs.generate_key_pair(), await self.cs.generate_key_pair()
        self.assertTrue(await self.cs.validate_key_pair(pair.key(), pair.secret()))
        self.assertFalse(await self.cs.validate_key_pair(pair.key(), other.secret()))
        digest = await self.cs.generate_hash(b"text")
        self.assertTrue(await self.cs.validate_hash(b"text", digest))
        self.assertFalse(await self.cs.validate_hash(b"other", digest))

    async def test_typed_texts_come_apart_and_together(self):
        pair, digest = await self.cs.generate_key_pair(), await self.cs.generate_hash(b"text")
        signature = await self.cs.sign(pair.key(), pair.secret(), b"text")
        node = (await self.a.get_state()).network.node_ids[0]
        for typed, length in ((pair.key(), 32), (pair.secret(), 32), (digest, 32), (signature, 64), (node, 32)):
            self.assertEqual(VLD0, typed.kind())
            self.assertEqual(length, len(typed.value().to_bytes()))
            self.assertEqual(typed, type(typed).from_value(typed.kind(), typed.value()))

    async def test_random(self):
        self.assertEqual(1000, len(await self.cs.random_bytes(1000)))
        self.assertNotEqual(await self.cs.random_bytes(32), await self.cs.random_bytes(32))
        self.assertEqual(b"", await self.cs.random_bytes(0))

    async def test_bad_points(self):
        zero = PublicKey("VLD0:" + "A" * 43)
        with self.assertRaises((veilid.VeilidAPIErrorGeneric, veilid.VeilidAPIErrorInternal)):
            await self.cs.compute_dh(zero, KP1.secret())
        with self.fails(veilid.VeilidAPIErrorInternal, message="invalid length: expected 32 got 3"):
            await self.cs.compute_dh(PublicKey("VLD0:AAAA"), KP1.secret())
