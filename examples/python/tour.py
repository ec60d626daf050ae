"""A tour of a Veilid server through its public Python client.

    pip install -r requirements.txt
    python tour.py --start ../../bin/voile      # with a private network of its own
    python tour.py                              # with two servers that run already

The second form talks to the servers at localhost:5959 and localhost:5960, or at
VEILID_SERVER_NETWORK=host:port and the port after it. They have to be ready, in
the same network, and there should be at least six more nodes in it.
"""

import argparse
import asyncio
import contextlib
import json
import os
import sys

import veilid
from veilid import (
    CryptoKind,
    DHTReportScope,
    DHTSchema,
    DHTSchemaSMPLMember,
    DHTTransactionSetValueOptions,
    KeyPair,
    PrivateSpec,
    RouteId,
    SafetySelection,
    SafetySpec,
    Sequencing,
    SetDHTValueOptions,
    Stability,
    Target,
    TransactDHTRecordsOptions,
    ValueSubkey,
)
from veilid.state import VeilidUpdateKind

from node import Connector, Node
from servers import Network

VLD0 = CryptoKind.CRYPTO_KIND_VLD0


def say(text: str) -> None:
    print("  " + text)


def short(key: str) -> str:
    """A key as people can read it: its kind and the first characters."""
    return key[:13] + "…"


async def about_the_node(alice: Node) -> None:
    """What a server says of itself."""
    api = alice.api
    version = await api.veilid_version()
    say(f"{alice.name} speaks Veilid {version.major}.{version.minor}.{version.patch} "
        f"({await api.veilid_version_string()}), "
        f"cryptography {', '.join(await api.valid_crypto_kinds())}")
    say(f"built with: {', '.join(await api.veilid_features())}")

    state = await api.get_state()
    a = state.attachment
    say(f"attachment: {a.state}, {a.state.bar_count()} of 5 bars, {a.live_peer_count} live peers, "
        f"up for {int(a.uptime) / 1e6:.1f} s")
    for peer in state.network.peers[:3]:
        latency = peer.peer_stats.latency
        known = f"{int(latency.average) / 1000:.1f} ms" if latency else "not measured yet"
        say(f"peer {short(peer.node_ids[0])} at {peer.peer_address}, latency {known}")
    say(f"of its configuration: program {state.config.config.program_name}, "
        f"routes of {state.config.config.network.rpc.default_route_hop_count} hop")

    defaults = json.loads(await api.default_veilid_config())
    say(f"the default configuration has {len(defaults)} parts: {', '.join(sorted(defaults))}")
    settings = json.loads(await api.control(["GetServerSettings"]))
    say(f"the server's settings have {len(settings)} keys")

    before, after = await api.now_increasing(), await api.now_increasing()
    say(f"clock: {await api.now()}; now_increasing always grows: {int(before) < int(after)}; "
        f"now_non_decreasing never shrinks: {int(await api.now_non_decreasing()) >= int(after)}")
    say(f"shut down: {await api.is_shutdown()}")
    say("debug nodeinfo: " + (await api.debug("nodeinfo")).strip().splitlines()[0])


async def cryptography(alice: Node) -> None:
    """Keys, signatures, shared secrets and passwords."""
    api = alice.api
    async with await api.get_crypto_system(VLD0) as cs:
        say(f"{await cs.kind()}: public keys of {await cs.public_key_length()} bytes, "
            f"secret keys {await cs.secret_key_length()}, signatures {await cs.signature_length()}, "
            f"nonces {await cs.nonce_length()}, digests {await cs.hash_digest_length()}, "
            f"shared secrets {await cs.shared_secret_length()}, salts {await cs.default_salt_length()}, "
            f"{await cs.aead_overhead()} more for each encrypted text")

        mine, theirs = await cs.generate_key_pair(), await cs.generate_key_pair()
        say(f"my key pair: {short(mine.key())}, valid: {await cs.validate_key_pair(mine.key(), mine.secret())}; "
            f"with another's secret: {await cs.validate_key_pair(mine.key(), theirs.secret())}")
        await cs.check_public_key(mine.key())
        await cs.check_secret_key(mine.secret())

        signature = await cs.sign(mine.key(), mine.secret(), b"a letter")
        await cs.check_signature(signature)
        say(f"signature of a letter holds: {await cs.verify(mine.key(), b'a letter', signature)}, "
            f"of another text: {await cs.verify(mine.key(), b'another', signature)}")
        both = await api.generate_signatures(b"a contract", [mine, theirs])
        signers = await api.verify_signatures([mine.key(), theirs.key()], b"a contract", both[:1])
        say(f"a contract with {len(both)} signatures; one of them against both keys: {signers}")

        digest = await cs.generate_hash(b"a file")
        await cs.check_hash_digest(digest)
        say(f"digest of a file: {short(digest)}, holds: {await cs.validate_hash(b'a file', digest)}")

        # Two people get the same secret from their own secret key and the other's public key.
        here = await cs.generate_shared_secret(theirs.key(), mine.secret(), b"tour")
        there = await cs.generate_shared_secret(mine.key(), theirs.secret(), b"tour")
        await cs.check_shared_secret(here)
        say(f"both ends have the same secret: {here == there}")
        plain = await cs.compute_dh(theirs.key(), mine.secret())
        say(f"the exchange beneath it, computed and remembered: {plain == await cs.cached_dh(theirs.key(), mine.secret())}")

        nonce = await cs.random_nonce()
        await cs.check_nonce(nonce)
        sealed = await cs.encrypt_aead(b"for your eyes", nonce, here, b"page 1")
        say(f"sealed: {len(sealed)} bytes; opened: {await cs.decrypt_aead(sealed, nonce, there, b'page 1')}")
        try:
            await cs.decrypt_aead(sealed, nonce, there, b"page 2")
        except veilid.VeilidAPIErrorGeneric as e:
            say(f"as page 2 it does not open: {e.message}")
        mask = await cs.random_shared_secret()
        hidden = await cs.crypt_no_auth(b"no seal", nonce, mask)
        say(f"without a seal it has the same length, {len(hidden)}, and turns back: "
            f"{await cs.crypt_no_auth(hidden, nonce, mask)}")

        salt = await cs.random_bytes(await cs.default_salt_length())
        kept = await cs.hash_password(b"open sesame", salt)
        say(f"a password is kept as {kept[:28]}…; right one: {await cs.verify_password(b'open sesame', kept)}, "
            f"wrong one: {await cs.verify_password(b'sesame', kept)}")
        derived = await cs.derive_shared_secret(b"open sesame", salt)
        say(f"a key from a password: {short(derived)}")

    # This call has a list as its result in the client, of the characters of one
    # key pair: the client was written for a server with several.
    pair = KeyPair("".join(await api.generate_key_pair(VLD0)))
    say(f"a key pair without a crypto system: {short(pair.key())}")


async def tables(alice: Node) -> None:
    """Encrypted tables on the server's machine."""
    api, name = alice.api, "tour"
    await api.delete_table_db(name)  # of an earlier tour
    async with await api.open_table_db(name, 2) as table:
        await table.store(b"colour", b"blue")
        await table.store(b"size", b"large", col=1)
        say(f"{await table.get_column_count()} columns; colour is {await table.load(b'colour')}, "
            f"size is {await table.load(b'size', col=1)}, weight is {await table.load(b'weight')}")

        async with await table.transact() as transaction:
            await transaction.store(b"colour", b"red")
            await transaction.store(b"shape", b"round")
            await transaction.delete(b"size", col=1)
            say(f"before the commit it is still {await table.load(b'colour')}")
            await transaction.commit()
        say(f"after it: {sorted(await table.get_keys())} and {await table.get_keys(col=1)}")

        async with await table.transact() as transaction:
            await transaction.store(b"colour", b"green")
            await transaction.rollback()
        say(f"a rollback leaves {await table.load(b'colour')}; deleting it gives back {await table.delete(b'colour')}")
        try:
            await api.delete_table_db(name)
        except veilid.VeilidAPIErrorGeneric as e:
            say(f"an open table stays: {e.message}")
    say(f"closed, it is deleted: {await api.delete_table_db(name)}")


async def messages(alice: Node, bob: Node) -> None:
    """Messages that show neither end the other's address."""
    # Bob makes a way to reach him that does not tell where he is, and gives it to
    # Alice: over a record, a QR code, a mail; here it is just a variable.
    route = await bob.api.new_private_route()
    say(f"Bob's route {short(route.route_id)} is a blob of {len(route.blob)} bytes")
    to_bob = Target.route_id(await alice.api.import_remote_private_route(route.blob))

    async with await alice.api.new_routing_context() as context:
        safety = await context.safety()
        say(f"Alice sends over {safety.safety_spec.hop_count} hop of her own by default: {safety.kind}")

        await context.app_message(to_bob, b"hello Bob")
        got = await bob.update(VeilidUpdateKind.APP_MESSAGE)
        say(f"Bob got {got.message} over {short(got.route_id)}, sender {got.sender}")

        # A call is a message with an answer.
        answering = asyncio.create_task(bob.answer_calls(bytes.upper))
        say(f"Bob answers: {await context.app_call(to_bob, b'how are you?')}")

        # What a message may cost in time, and what it hides, is up to its sender.
        spec = SafetySpec(hop_count=2, stability=Stability.LOW_LATENCY, sequencing=Sequencing.PREFER_UNORDERED)
        async with await context.with_safety(SafetySelection.safe(spec), release=False) as hidden:
            say(f"over 2 hops: {await hidden.app_call(to_bob, b'and now?')}")
        async with await context.with_sequencing(Sequencing.ENSURE_ORDERED, release=False) as ordered:
            async with await ordered.with_default_safety(release=False) as default:
                say(f"in order: {(await ordered.safety()).safety_spec.sequencing}; "
                    f"by default: {(await default.safety()).safety_spec.sequencing}")
        answering.cancel()

        # The other way round, with a route of Alice's choice.
        custom = await alice.api.new_custom_private_route(
            PrivateSpec(crypto_kinds=[VLD0], hop_count=2, stability=Stability.RELIABLE, sequencing=Sequencing.ENSURE_ORDERED)
        )
        imported = await bob.api.import_remote_private_route(custom.blob)
        async with await bob.api.new_routing_context() as back:
            await back.app_message(Target.route_id(imported), b"hello Alice")
        got = await alice.update(VeilidUpdateKind.APP_MESSAGE)
        say(f"Alice got {got.message}")

        # Only routes are targets. Nodes are not: that would show who talks to whom.
        try:
            someone = (await bob.api.get_state()).network.node_ids[0]
            await context.app_message(Target.node_id(someone), b"psst")
        except veilid.VeilidAPIErrorInvalidTarget as e:
            say(f"straight to a node: {e.message}")

    await alice.api.release_private_route(custom.route_id)
    change = await alice.update(VeilidUpdateKind.ROUTE_CHANGE, lambda c: custom.route_id in c.dead_routes)
    say(f"Alice gave up {len(change.dead_routes)} route")
    await bob.api.release_private_route(imported)
    await bob.api.release_private_route(route.route_id)
    await alice.api.release_private_route(RouteId(to_bob.id))


async def records(alice: Node, bob: Node) -> None:
    """Records that the network keeps."""
    async with (
        await alice.api.new_routing_context() as hers,
        await bob.api.new_routing_context() as his,
    ):
        # DFLT: as many values as said, all written by the owner.
        record = await hers.create_dht_record(VLD0, DHTSchema.dflt(3))
        say(f"Alice's record is {short(record.key)}; the key has an encryption key in it: "
            f"{record.key.encryption_key() is not None}")
        await hers.set_dht_value(record.key, ValueSubkey(0), b"first")
        # A server keeps what it could not store yet and goes on trying; this waits for it.
        say(f"all written: {await hers.flush_dht_record(record.key, 30_000)}")

        # Whoever has the key can read, from the network.
        opened = await his.open_dht_record(record.key)
        value = await his.get_dht_value(record.key, ValueSubkey(0), force_refresh=True)
        say(f"Bob reads {value.data}, number {value.seq}, written by {short(value.writer)}; "
            f"he has the owner's secret: {opened.owner_secret is not None}")
        try:
            await his.set_dht_value(record.key, ValueSubkey(1), b"by Bob")
        except veilid.VeilidAPIError as e:
            say(f"Bob cannot write: {e}")

        # Bob is told of changes.
        say(f"Bob watches: {await his.watch_dht_values(record.key, [(ValueSubkey(0), ValueSubkey(1))])}")
        await hers.set_dht_value(record.key, ValueSubkey(1), b"second")
        change = await bob.update(VeilidUpdateKind.VALUE_CHANGE, lambda c: c.key == record.key, within=30)
        say(f"changed: {change.subkeys}, {change.value.data if change.value else 'no value'}, "
            f"{change.count:,} changes more")
        say(f"watching less: {await his.cancel_dht_watch(record.key, [(ValueSubkey(0), ValueSubkey(0))])}, "
            f"nothing any more: {await his.cancel_dht_watch(record.key)}")

        # Who has which version?
        report = await hers.inspect_dht_record(record.key, [], DHTReportScope.SYNC_GET)
        say(f"here {report.local_seqs}, in the network {report.network_seqs}, "
            f"still to be written {report.offline_subkeys}")
        await his.close_dht_record(record.key)
        await hers.close_dht_record(record.key)
        await hers.delete_dht_record(record.key)  # here; the network forgets it by and by

        # SMPL: an owner and members, each with values of their own.
        async with await alice.api.get_crypto_system(VLD0) as cs:
            owner, bobs = await cs.generate_key_pair(), await cs.generate_key_pair()
        member = await alice.api.generate_member_id(bobs.key())
        schema = DHTSchema.smpl(1, [DHTSchemaSMPLMember(member.value(), 2)])
        board = await hers.create_dht_record(VLD0, schema, owner)
        known = await alice.api.get_dht_record_key(schema, owner.key(), board.key.encryption_key())
        say(f"a record with members: its key follows from owner and schema: {known == board.key}")
        await hers.set_dht_value(board.key, ValueSubkey(0), b"by the owner")
        await hers.flush_dht_record(board.key, 30_000)
        await his.open_dht_record(board.key, bobs)
        await his.set_dht_value(board.key, ValueSubkey(1), b"by Bob")
        await his.set_dht_value(
            board.key, ValueSubkey(2), b"by Bob, now or never", SetDHTValueOptions(writer=bobs, allow_offline=False)
        )
        await his.flush_dht_record(board.key, 30_000)
        for subkey in range(3):
            value = await hers.get_dht_value(board.key, ValueSubkey(subkey), force_refresh=True)
            say(f"value {subkey}: {value.data}")
        await his.close_dht_record(board.key)
        await hers.close_dht_record(board.key)


async def transactions(alice: Node, bob: Node) -> None:
    """Several records changed at once, or not at all."""
    async with (
        await alice.api.new_routing_context() as hers,
        await bob.api.new_routing_context() as his,
    ):
        a, b = [await hers.create_dht_record(VLD0, DHTSchema.dflt(2)) for _ in range(2)]
        # The options say who signs for records that were opened without a writer.
        options = TransactDHTRecordsOptions(a.owner_key_pair())
        async with await alice.api.transact_dht_records([a.key], options) as transaction:
            await transaction.extend([b.key])  # the second record joins a moment later
            await transaction.set(a.key, ValueSubkey(0), b"debit 5")
            await transaction.set(
                b.key, ValueSubkey(0), b"credit 5", DHTTransactionSetValueOptions(writer=b.owner_key_pair())
            )
            say(f"inside, the value is as it was: {await transaction.get(a.key, ValueSubkey(0))}")
            report = await transaction.inspect(a.key, [], DHTReportScope.SYNC_GET)
            say(f"in the network when it began: {report.network_seqs}")
            await transaction.commit()
        for record in (a, b):
            await his.open_dht_record(record.key)
            value = await his.get_dht_value(record.key, ValueSubkey(0), force_refresh=True)
            say(f"after the commit Bob reads {value.data}")

        async with await alice.api.transact_dht_records([a.key, b.key], None) as transaction:
            await transaction.set(a.key, ValueSubkey(0), b"debit 500")
            await transaction.rollback()
        value = await his.get_dht_value(a.key, ValueSubkey(0), force_refresh=True)
        say(f"after a rollback he still reads {value.data}")
        for record in (a, b):
            await his.close_dht_record(record.key)
            await hers.close_dht_record(record.key)


async def updates(alice: Node) -> None:
    """What a server tells without being asked."""
    network = await alice.update(VeilidUpdateKind.NETWORK)
    say(f"every second, the network: {network.bps_down} bytes/s down, {network.bps_up} up, {len(network.peers)} peers")
    await alice.api.control(["ChangeLogLevel", "api", "debug"])
    async with await Node.connect("Carol", 0):  # something to log
        log = await alice.update(VeilidUpdateKind.LOG)
    say(f"the log, when asked for: {log.log_level}: {log.message.splitlines()[0][:60]}")
    await alice.api.control(["ChangeLogLevel", "api", "off"])


async def tour(connector: Connector = veilid.api_connector) -> None:
    """Walk through everything, with the servers of number 0 and 1."""
    async with (
        await Node.connect("Alice", 0, connector) as alice,
        await Node.connect("Bob", 1, connector) as bob,
    ):
        print("Waiting until both servers are ready")
        await asyncio.gather(alice.ready(), bob.ready())
        for chapter, nodes in (
            (about_the_node, (alice,)),
            (cryptography, (alice,)),
            (tables, (alice,)),
            (messages, (alice, bob)),
            (records, (alice, bob)),
            (transactions, (alice, bob)),
            (updates, (alice,)),
        ):
            print(f"\n{chapter.__doc__}")
            await chapter(*nodes)
        print("\nThat was all.")


def main() -> int:
    parser = argparse.ArgumentParser(description="A tour of a Veilid server.")
    parser.add_argument("--start", metavar="VOILE", help="the voile program, to start a private network for the tour")
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        if arguments.start:
            print("Starting a private network")
            network = stack.enter_context(Network(arguments.start))
            os.environ["VEILID_SERVER_NETWORK"] = network.address
        try:
            asyncio.run(tour())
        except veilid.VeilidConnectionError:
            print("No server answers at the API's address; see the top of tour.py.", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
