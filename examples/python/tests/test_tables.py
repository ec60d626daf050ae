"""Tables."""

import veilid

from tests.base import ServerTest


class TestTables(ServerTest):
    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.name = "test-" + self._testMethodName
        await self.a.delete_table_db(self.name)

    async def asyncTearDown(self):
        await self.a.delete_table_db(self.name)
        await super().asyncTearDown()

    async def test_delete_what_is_not_there(self):
        self.assertFalse(await self.a.delete_table_db(self.name))

    async def test_delete_waits_for_every_handle(self):
        one, two = await self.a.open_table_db(self.name, 1), await self.a.open_table_db(self.name, 1)
        for handle in (one, two):
            with self.assertRaises(veilid.VeilidAPIErrorGeneric):
                await self.a.delete_table_db(self.name)
            await handle.release()
        self.assertTrue(await self.a.delete_table_db(self.name))

    async def test_handles_see_each_other(self):
        async with await self.a.open_table_db(self.name, 1) as one, await self.a.open_table_db(self.name, 1) as two:
            await one.store(b"asdf", b"qwer")
            self.assertEqual(b"qwer", await two.load(b"asdf"))
            self.assertEqual(b"qwer", await two.delete(b"asdf"))
            self.assertIsNone(await one.load(b"asdf"))
            self.assertIsNone(await one.delete(b"asdf"))

    async def test_more_columns(self):
        async with await self.a.open_table_db(self.name, 1) as one:
            await one.store(b"key", b"in column 0")
            with self.assertRaises(veilid.VeilidAPIErrorGeneric):
                await self.a.open_table_db(self.name, 2)
        async with await self.a.open_table_db(self.name, 2) as two:
            await two.store(b"key", b"in column 1", col=1)
            async with await self.a.open_table_db(self.name, 1) as one:
                self.assertEqual(2, await one.get_column_count())
                with self.assertRaises(veilid.VeilidAPIErrorGeneric):
                    await one.load(b"key", col=1)
                self.assertEqual(b"in column 0", await one.load(b"key"))
            self.assertEqual(b"in column 1", await two.load(b"key", col=1))

    async def test_transactions(self):
        async with await self.a.open_table_db(self.name, 1) as table:
            await table.store(b"a", b"old")
            async with await table.transact() as first, await table.transact() as second:
                await first.store(b"a", b"first")
                await first.store(b"b", b"first")
                await second.delete(b"a")
                self.assertEqual(b"old", await table.load(b"a"))
                await first.commit()
                self.assertEqual(b"first", await table.load(b"a"))
                await second.commit()
            self.assertEqual([b"b"], await table.get_keys())
            async with await table.transact() as dropped:
                await dropped.store(b"c", b"never")
            self.assertIsNone(await table.load(b"c"))

    async def test_a_transaction_ends_once(self):
        async with await self.a.open_table_db(self.name, 1) as table:
            transaction = await table.transact()
            await transaction.commit()
            with self.assertRaises(AssertionError):
                await transaction.commit()
            again = type(transaction)(self.a, transaction.tx_id)
            with self.assertRaises(ValueError):  # InvalidId: the server has forgotten it
                await again.rollback()
            again.done = True

    async def test_values_of_any_size(self):
        async with await self.a.open_table_db(self.name, 1) as table:
            for size in (0, 1, 100_000):
                await table.store(b"k", bytes(size))
                self.assertEqual(bytes(size), await table.load(b"k"))
            await table.store(b"", b"without a key")
            self.assertEqual(b"without a key", await table.load(b""))

    async def test_names(self):
        for name in ("a/b", "a b", "ä.b"):
            with self.assertRaises(veilid.VeilidAPIErrorInvalidArgument):
                await self.a.open_table_db(name, 1)
        with self.assertRaises(veilid.VeilidAPIErrorInvalidArgument):
            await self.a.open_table_db(self.name, 0)

    async def test_tables_are_of_one_server(self):
        async with await self.a.open_table_db(self.name, 1) as hers:
            await hers.store(b"k", b"v")
            async with await self.b.open_table_db(self.name, 1) as his:
                self.assertIsNone(await his.load(b"k"))
        await self.b.delete_table_db(self.name)
