"""Records."""

import asyncio
import time

import veilid
from veilid import DHTReportScope, DHTSchema, DHTSchemaSMPLMember, SetDHTValueOptions, Timestamp, ValueSubkey
from veilid.state import VeilidUpdateKind

from tests.base import ALL, NO_RECORD, VLD0, ServerTest, subkeys

LONGEST = 32768  # of a value
RECORD_SIZE = 1 << 20  # of all values together


class TestRecords(ServerTest):
    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.ca, self.cb = await self.context(self.a), await self.context(self.b)

    async def create(self, count, owner=None):
        record = await self.ca.create_dht_record(VLD0, DHTSchema.dflt(count), owner)
        self.addAsyncCleanup(self._drop, record.key)
        return record

    async def _drop(self, key):
        for api in (self.a, self.b):
            async with await api.new_routing_context() as context:
                for end in (context.close_dht_record, context.delete_dht_record):
                    try:
                        await end(key)
                    except veilid.VeilidAPIError:
                        pass  # the test has done it, or that server never had the record

    async def synced(self, context, key):
        """Wait until everything is in the network, the way scripts for the
        client do: stopping the whole program for a second at a time."""
        for _ in range(60):
            if not (await context.inspect_dht_record(key, ALL)).offline_subkeys:
                return
            time.sleep(1)
        self.fail("values are still not written")

    async def test_records_that_are_not_there(self):
        with self.assertRaises(veilid.VeilidAPIErrorInvalidArgument):
            await self.ca.get_dht_value(NO_RECORD, ValueSubkey(0))
        with self.fails(veilid.VeilidAPIErrorKeyNotFound, veilid.VeilidAPIErrorTryAgain):
            await self.ca.open_dht_record(NO_RECORD)
        with self.fails(veilid.VeilidAPIErrorKeyNotFound, key=NO_RECORD):
            await self.ca.close_dht_record(NO_RECORD)
        with self.assertRaises(veilid.VeilidAPIError):
            await self.ca.delete_dht_record(NO_RECORD)
        self.assertTrue(await self.ca.flush_dht_record(NO_RECORD, 1000))

    async def test_create_close_delete(self):
        record = await self.ca.create_dht_record(VLD0, DHTSchema.dflt(1))
        await self.ca.close_dht_record(record.key)
        await self.ca.delete_dht_record(record.key)

    async def test_schemas(self):
        pair = await self.pair()
        member = DHTSchemaSMPLMember((await self.a.generate_member_id(pair.key())).value(), 1)
        for schema in (DHTSchema.dflt(0), DHTSchema.dflt(1025), DHTSchema.smpl(0, [])):
            with self.assertRaises(veilid.VeilidAPIError):
                await self.ca.create_dht_record(VLD0, schema)
        record = await self.ca.create_dht_record(VLD0, DHTSchema.smpl(0, [member]), pair)
        self.assertEqual("SMPL", record.schema.kind)
        self.assertEqual([(member.m_key, 1)], [(m.m_key, m.m_cnt) for m in record.schema.members])
        await self._drop(record.key)

    async def test_no_value_yet(self):
        record = await self.create(1)
        self.assertIsNone(await self.ca.get_dht_value(record.key, ValueSubkey(0)))

    async def test_set_and_get(self):
        record = await self.create(2)
        self.assertIsNone(await self.ca.set_dht_value(record.key, ValueSubkey(0), b"BLAH BLAH BLAH"))
        here = await self.ca.get_dht_value(record.key, ValueSubkey(0))
        await self.synced(self.ca, record.key)
        there = await self.ca.get_dht_value(record.key, ValueSubkey(0), force_refresh=True)
        self.assertEqual((0, b"BLAH BLAH BLAH", record.owner), (here.seq, here.data, here.writer))
        self.assertEqual(here, there)
        self.assertIsNone(await self.ca.get_dht_value(record.key, ValueSubkey(1)))
        with self.assertRaises(veilid.VeilidAPIError):
            await self.ca.get_dht_value(record.key, ValueSubkey(2))
        with self.assertRaises(veilid.VeilidAPIError):
            await self.ca.set_dht_value(record.key, ValueSubkey(2), b"")

    async def test_owner_given(self):
        owner = await self.pair()
        record = await self.create(2, owner)
        self.assertEqual((owner.key(), owner.secret()), (record.owner, record.owner_secret))
        key = await self.a.get_dht_record_key(DHTSchema.dflt(2), owner.key(), record.key.encryption_key())
        self.assertEqual(record.key, key)

    async def test_writers(self):
        for allow_offline in (None, False):
            with self.subTest(allow_offline=allow_offline):
                await self._writers(SetDHTValueOptions(allow_offline=allow_offline))

    async def _writers(self, options):
        record = await self.create(2)
        key, owner, c = record.key, record.owner_key_pair(), self.ca
        first, second = ValueSubkey(0), ValueSubkey(1)

        async def put(data, writer=None):
            return await c.set_dht_value(key, second, data, SetDHTValueOptions(writer, options.allow_offline))

        self.assertIsNone(await put(b"A"))
        await self.synced(c, key)
        self.assertEqual(0, (await c.get_dht_value(key, second, force_refresh=True)).seq)
        self.assertIsNone(await put(b"A"))
        self.assertEqual(0, (await c.get_dht_value(key, second)).seq, "the same value keeps its number")
        self.assertIsNone(await put(b"B"))
        await self.synced(c, key)
        await c.close_dht_record(key)
        await c.delete_dht_record(key)

        # Opened again without a memory of the values: a blind write is told the newer one.
        await c.open_dht_record(key, owner)
        newer = await put(b"C")
        self.assertEqual((1, b"B"), (newer.seq, newer.data))
        self.assertIsNone(await put(b"C"))
        await self.synced(c, key)
        self.assertEqual((2, b"C"), (lambda v: (v.seq, v.data))(await c.get_dht_value(key, second, force_refresh=True)))

        # A writer that the schema does not know.
        await c.close_dht_record(key)
        await c.open_dht_record(key, await self.pair())
        with self.assertRaises(veilid.VeilidAPIError):
            await c.set_dht_value(key, second, b"D", options)
        with self.assertRaises(veilid.VeilidAPIError):
            await c.set_dht_value(key, first, b"D", options)
        self.assertIsNone(await put(b"D", owner), "the writer of the options is used instead")

    async def test_encryption_key_is_needed_to_read(self):
        record = await self.create(1)
        await self.ca.set_dht_value(record.key, ValueSubkey(0), b"for those who have the key")
        await self.synced(self.ca, record.key)
        bare = veilid.RecordKey.from_value(
            VLD0, veilid.BareRecordKey.from_parts(record.key.value().key(), None))
        self.assertIsNone(bare.encryption_key())
        await self.cb.open_dht_record(bare)
        try:
            value = await self.cb.get_dht_value(bare, ValueSubkey(0), force_refresh=True)
        except veilid.VeilidAPIError:
            value = None
        self.assertTrue(value is None or value.data != b"for those who have the key")
        await self.cb.close_dht_record(bare)

    async def test_inspect(self):
        record = await self.create(2)
        await self.ca.set_dht_value(record.key, ValueSubkey(0), b"A")
        local = await self.ca.inspect_dht_record(record.key, ALL)
        self.assertEqual(([(0, 1)], [0, None], [None, None]), (local.subkeys, local.local_seqs, local.network_seqs))
        await self.synced(self.ca, record.key)
        for scope in (DHTReportScope.SYNC_GET, DHTReportScope.UPDATE_GET, DHTReportScope.SYNC_SET):
            with self.subTest(scope):
                report = await self.ca.inspect_dht_record(record.key, ALL, scope)
                self.assertEqual(([(0, 1)], [], [0, None]), (report.subkeys, report.offline_subkeys, report.network_seqs))
                self.assertEqual([0, None], report.local_seqs)
        raised = await self.ca.inspect_dht_record(record.key, subkeys((0, 0)), DHTReportScope.UPDATE_SET)
        self.assertEqual(([(0, 0)], [1], [1]), (raised.subkeys, raised.local_seqs, raised.network_seqs))

    async def test_size_limits(self):
        for values, length in ((32, 32768), (33, 31775)):
            for schema in ("DFLT", "SMPL"):
                with self.subTest(schema=schema, values=values):
                    await self._size_limit(schema, values, length)

    async def _size_limit(self, kind, values, length):
        pair = await self.pair()
        if kind == "DFLT":
            schema = DHTSchema.dflt(values)
        else:
            schema = DHTSchema.smpl(
                0, [DHTSchemaSMPLMember((await self.a.generate_member_id(pair.key())).value(), values)])
        record = await self.ca.create_dht_record(VLD0, schema, pair if kind == "DFLT" else None)
        key = record.key
        await self.ca.close_dht_record(key)
        await self.ca.open_dht_record(key, pair)
        data = bytes(length)
        for i in range(values):
            await self.ca.set_dht_value(key, ValueSubkey(i), data)
        with self.assertRaises(veilid.VeilidAPIError):
            await self.ca.set_dht_value(key, ValueSubkey(0), data + b"x")
        await self.synced(self.ca, key)
        await self.ca.close_dht_record(key)
        await self.ca.open_dht_record(key)
        for i in range(values):
            self.assertEqual(data, (await self.ca.get_dht_value(key, ValueSubkey(i))).data)
        await self._drop(key)

    async def test_written_here_read_there(self):
        records = [await self.create(2) for _ in range(10)]
        for i, record in enumerate(records):
            await self.ca.set_dht_value(record.key, ValueSubkey(1), b"value %d" % i)
        for i, record in enumerate(records):
            self.assertTrue(await self.ca.flush_dht_record(record.key, 30_000))
            await self.cb.open_dht_record(record.key)
            self.assertEqual(b"value %d" % i, (await self.cb.get_dht_value(record.key, ValueSubkey(1))).data)
            await self.cb.close_dht_record(record.key)

    async def test_watch(self):
        record = await self.create(10)
        key = record.key

        async def put(subkey, data):
            await self.cb.set_dht_value(key, ValueSubkey(subkey), data)
            await self.synced(self.cb, key)
            # Nodes gather the changes of a second.
            await asyncio.sleep(1.2)

        async def change(within=20.0):
            return await self.alice.update(VeilidUpdateKind.VALUE_CHANGE, lambda c: c.key == key, within)

        async def quiet(seconds):
            with self.assertRaises(TimeoutError):
                await change(seconds)

        await self.ca.set_dht_value(key, ValueSubkey(3), b"BLAH")
        await self.synced(self.ca, key)
        await self.cb.open_dht_record(key, record.owner_key_pair())
        await self.cb.get_dht_value(key, ValueSubkey(3), force_refresh=True)
        self.assertTrue(await self.ca.watch_dht_values(key))

        await put(3, b"BLAH")
        await quiet(5)
        await put(3, b"BLAH BLAH")
        got = await change()
        self.assertEqual((0xFFFFFFFE, [(3, 3)], b"BLAH BLAH"), (got.count, got.subkeys, got.value.data))
        await put(4, b"BZORT")
        got = await change()
        self.assertEqual((0xFFFFFFFD, [(4, 4)], b"BZORT"), (got.count, got.subkeys, got.value.data))

        self.assertTrue(await self.ca.cancel_dht_watch(key, subkeys((0, 3))))
        await self.cb.set_dht_value(key, ValueSubkey(3), b"not watched")
        await self.cb.set_dht_value(key, ValueSubkey(4), b"watched")
        await self.synced(self.cb, key)
        got = await change()
        self.assertEqual((0xFFFFFFFC, [(4, 4)]), (got.count, got.subkeys))
        # Two changes in one second may come without the value: one reads it then.
        value = got.value or await self.ca.get_dht_value(key, ValueSubkey(4), force_refresh=True)
        self.assertEqual(b"watched", value.data)
        if got.value is None:
            # Several nodes tell of it, and what comes after a read is told once more.
            try:
                again = await change(5)
                self.assertEqual(([(4, 4)], None), (again.subkeys, again.value))
            except TimeoutError:
                pass
        else:
            await quiet(5)

        self.assertFalse(await self.ca.cancel_dht_watch(key, subkeys((3, 9))))
        got = await change()
        self.assertEqual((0, [], None), (got.count, got.subkeys, got.value))
        await put(4, b"too late")
        await quiet(5)

    async def test_watch_for_some_changes(self):
        record = await self.create(1)
        key = record.key
        await self.ca.set_dht_value(key, ValueSubkey(0), b"0")
        await self.synced(self.ca, key)
        await self.cb.open_dht_record(key)
        until = Timestamp(int(await self.b.now()) + 60_000_000)
        self.assertTrue(await self.cb.watch_dht_values(key, subkeys((0, 0)), until, 1))
        await self.ca.set_dht_value(key, ValueSubkey(0), b"1")
        got = await self.bob.update(VeilidUpdateKind.VALUE_CHANGE, lambda c: c.key == key and c.subkeys, 20)
        self.assertEqual((0, b"1"), (got.count, got.value.data))
        with self.assertRaises(veilid.VeilidAPIErrorInvalidArgument):
            await self.cb.watch_dht_values(key, subkeys((0, 0)), Timestamp(1), 1)

    async def pair(self):
        async with await self.a.get_crypto_system(VLD0) as cs:
            return await cs.generate_key_pair()
