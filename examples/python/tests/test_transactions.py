"""Transactions over records."""

import veilid
from veilid import (
    DHTReportScope,
    DHTSchema,
    DHTSchemaSMPLMember,
    DHTTransactionSetValueOptions,
    TransactDHTRecordsOptions,
    ValueSubkey,
)

from tests.base import ALL, NO_RECORD, VLD0, ServerTest

FIRST = ValueSubkey(0)


class TestTransactions(ServerTest):
    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.ca, self.cb = await self.context(self.a), await self.context(self.b)

    async def create(self, count=2):
        return await self.ca.create_dht_record(VLD0, DHTSchema.dflt(count))

    async def value(self, context, key, subkey=FIRST):
        value = await context.get_dht_value(key, subkey, force_refresh=True)
        return None if value is None else value.data

    async def test_records_that_do_not_do(self):
        record = await self.create()
        for keys, kind in (
            ([], veilid.VeilidAPIErrorMissingArgument),
            ([record.key, record.key], veilid.VeilidAPIErrorMissingArgument),
            ([NO_RECORD], veilid.VeilidAPIErrorInvalidArgument),
        ):
            with self.assertRaises(kind):
                await self.a.transact_dht_records(keys, None)
        async with await self.a.get_crypto_system(VLD0) as cs:
            options = TransactDHTRecordsOptions(await cs.generate_key_pair())
        with self.assertRaises(veilid.VeilidAPIErrorInvalidArgument):
            await self.a.transact_dht_records([NO_RECORD], options)
        await self.ca.close_dht_record(record.key)

    async def test_records_closed_inside(self):
        for count in (1, 2):
            for closed in range(count):
                with self.subTest(count=count, closed=closed):
                    records = [await self.create() for _ in range(count)]
                    async with await self.a.transact_dht_records([r.key for r in records], None):
                        await self.ca.close_dht_record(records[closed].key)
                        await self.ca.delete_dht_record(records[closed].key)

    async def test_no_value(self):
        record = await self.create()
        async with await self.a.transact_dht_records([record.key], None) as transaction:
            self.assertIsNone(await transaction.get(record.key, FIRST))

    async def test_commit(self):
        record = await self.create()
        async with await self.a.transact_dht_records([record.key], None) as transaction:
            self.assertIsNone(await transaction.set(record.key, FIRST, b"AAA"))
            self.assertIsNone(await transaction.get(record.key, FIRST), "not seen inside")
            await transaction.commit()
        self.assertEqual(b"AAA", await self.value(self.ca, record.key))
        await self.ca.close_dht_record(record.key)
        await self.ca.delete_dht_record(record.key)
        await self.ca.open_dht_record(record.key)
        self.assertEqual(b"AAA", await self.value(self.ca, record.key))
        await self.ca.close_dht_record(record.key)

    async def test_rollback_and_drop(self):
        record = await self.create()
        async with await self.a.transact_dht_records([record.key], None) as transaction:
            await transaction.set(record.key, FIRST, b"AAA")
            await transaction.rollback()
        self.assertIsNone(await self.value(self.ca, record.key))
        async with await self.a.transact_dht_records([record.key], None) as transaction:
            await transaction.set(record.key, FIRST, b"AAA")
        self.assertIsNone(await self.value(self.ca, record.key))

    async def test_used_up(self):
        record = await self.create()
        transaction = await self.a.transact_dht_records([record.key], None)
        await transaction.set(record.key, FIRST, b"AAA")
        await transaction.commit()
        with self.assertRaises(AssertionError):
            await transaction.commit()
        again = type(transaction)(self.a, transaction.dhttx_id)
        with self.assertRaises((ValueError, veilid.VeilidAPIErrorTransactionNotFound)):
            await again.get(record.key, FIRST)
        again.done = True

    async def test_a_transaction_whose_record_was_closed(self):
        record = await self.create()
        transaction = await self.a.transact_dht_records([record.key], None)
        await self.ca.close_dht_record(record.key)
        with self.assertRaises(veilid.VeilidAPIErrorTransactionNotFound):
            await transaction.get(record.key, FIRST)
        await transaction.rollback()

    async def test_no_other_writes_meanwhile(self):
        record = await self.create()
        async with await self.a.transact_dht_records([record.key], None):
            with self.fails(veilid.VeilidAPIErrorTryAgain):
                await self.ca.set_dht_value(record.key, FIRST, b"AAA")
            with self.fails(veilid.VeilidAPIErrorTryAgain):
                await self.a.transact_dht_records([record.key], None)

    async def test_what_was_read_is_kept_at_commit_only(self):
        record = await self.create()
        async with await self.a.transact_dht_records([record.key], None) as transaction:
            await transaction.set(record.key, FIRST, b"AAA")
            await transaction.commit()
        await self.ca.close_dht_record(record.key)
        await self.ca.delete_dht_record(record.key)
        await self.ca.open_dht_record(record.key)
        async with await self.a.transact_dht_records([record.key], None) as transaction:
            self.assertEqual(b"AAA", (await transaction.get(record.key, FIRST)).data)
            await transaction.rollback()
        self.assertEqual([None, None], (await self.ca.inspect_dht_record(record.key, ALL)).local_seqs)
        async with await self.a.transact_dht_records([record.key], None) as transaction:
            self.assertEqual(b"AAA", (await transaction.get(record.key, FIRST)).data)
            await transaction.commit()
        self.assertEqual([0, None], (await self.ca.inspect_dht_record(record.key, ALL)).local_seqs)

    async def test_inspect(self):
        record = await self.create()
        await self.ca.set_dht_value(record.key, FIRST, b"AAA")
        self.assertTrue(await self.ca.flush_dht_record(record.key, 30_000))
        async with await self.a.transact_dht_records([record.key], None) as transaction:
            await transaction.set(record.key, ValueSubkey(1), b"BBB")
            for scope, local, network in (
                (DHTReportScope.LOCAL, [0, None], [None, None]),
                (DHTReportScope.SYNC_GET, [0, None], [0, None]),
                (DHTReportScope.UPDATE_GET, [0, None], [0, None]),
            ):
                report = await transaction.inspect(record.key, ALL, scope)
                self.assertEqual(([(0, 1)], [], local, network), (
                    report.subkeys, report.offline_subkeys, report.local_seqs, report.network_seqs), scope)

    async def test_extend(self):
        records = [await self.create() for _ in range(3)]
        async with await self.a.transact_dht_records([records[0].key], None) as transaction:
            await transaction.extend([])
            await transaction.extend([r.key for r in records[1:]])
            await transaction.extend([records[0].key])
            with self.assertRaises(veilid.VeilidAPIErrorMissingArgument):
                await transaction.extend([records[0].key, records[0].key])
            for i, r in enumerate(records):
                await transaction.set(r.key, FIRST, b"value %d" % i)
            await transaction.commit()
        for i, r in enumerate(records):
            self.assertEqual(b"value %d" % i, await self.value(self.ca, r.key))

    async def test_extend_with_another_signer(self):
        mine, his = await self.create(), await self.cb.create_dht_record(VLD0, DHTSchema.dflt(1))
        await self.cb.set_dht_value(his.key, FIRST, b"his")
        self.assertTrue(await self.cb.flush_dht_record(his.key, 30_000))
        await self.ca.open_dht_record(his.key)  # without a writer
        async with await self.a.transact_dht_records([mine.key], None) as transaction:
            await transaction.extend([his.key], TransactDHTRecordsOptions(his.owner_key_pair()))
            self.assertEqual(b"his", (await transaction.get(his.key, FIRST)).data)
            await transaction.set(mine.key, FIRST, b"mine")
            options = DHTTransactionSetValueOptions(his.owner_key_pair())
            await transaction.set(his.key, FIRST, b"his, by me", options)
            await transaction.commit()
        self.assertEqual(b"his, by me", await self.value(self.cb, his.key))

    async def test_a_record_that_is_not_in_it(self):
        one, other = await self.create(), await self.create()
        async with await self.a.transact_dht_records([one.key], None) as transaction:
            with self.assertRaises(veilid.VeilidAPIErrorInvalidArgument):
                await transaction.get(other.key, FIRST)
            with self.assertRaises(veilid.VeilidAPIErrorInternal):
                await transaction.set(other.key, FIRST, b"")

    async def test_who_commits_last_has_lost(self):
        async with await self.a.get_crypto_system(VLD0) as cs:
            pairs = [await cs.generate_key_pair() for _ in range(2)]
        members = [DHTSchemaSMPLMember((await self.a.generate_member_id(p.key())).value(), 1) for p in pairs]
        record = await self.ca.create_dht_record(VLD0, DHTSchema.smpl(0, members))
        key = record.key
        await self.ca.close_dht_record(key)
        await self.ca.open_dht_record(key, pairs[0])
        await self.ca.set_dht_value(key, FIRST, b"0")
        self.assertTrue(await self.ca.flush_dht_record(key, 30_000))
        await self.cb.open_dht_record(key, pairs[1])

        late = await self.a.transact_dht_records([key], None)
        early = await self.b.transact_dht_records([key], None)
        await late.set(key, FIRST, b"late")
        await early.set(key, ValueSubkey(1), b"early")
        await early.commit()
        with self.assertRaises(veilid.VeilidAPIErrorTryAgain):
            await late.commit()
        late.done = True  # its handle is used up
        async with await self.a.transact_dht_records([key], None) as transaction:
            self.assertEqual(b"early", (await transaction.get(key, ValueSubkey(1))).data)
