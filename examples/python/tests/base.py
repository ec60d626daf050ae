"""What the tests share: the network, and connections whose lines are checked."""

import asyncio
import contextlib
import unittest
from dataclasses import dataclass, field
from typing import Any, ClassVar, Iterator

import veilid
from veilid import BareRecordKey, CryptoKind, RecordKey, ValueSubkey

from node import Node
from servers import Network
from strict import Traffic

VLD0 = CryptoKind.CRYPTO_KIND_VLD0

# A key of a record that nobody has made.
NO_RECORD = RecordKey.from_value(VLD0, BareRecordKey("ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICA"))

ALL: list[tuple[ValueSubkey, ValueSubkey]] = []  # as a list of subkeys: all of them


def subkeys(*ranges: tuple[int, int]) -> list[tuple[ValueSubkey, ValueSubkey]]:
    return [(ValueSubkey(lo), ValueSubkey(hi)) for lo, hi in ranges]


@dataclass
class Run:
    network: Network
    traffic: Traffic = field(default_factory=Traffic)


class ServerTest(unittest.IsolatedAsyncioTestCase):
    """A test with a new connection to each of two servers.

    Alice's is of server 0, Bob's of server 1.
    """

    run_of: ClassVar[Run]  # set by check.py

    def prepare(self) -> None:
        asyncio.get_running_loop().set_debug(False)  # it would report each slow check of a schema
        self.faults_before = len(self.traffic.faults)

    async def asyncSetUp(self) -> None:
        self.prepare()
        self.alice = await self.enterAsyncContext(await Node.connect("Alice", 0, self.traffic.connect))
        self.bob = await self.enterAsyncContext(await Node.connect("Bob", 1, self.traffic.connect))
        self.a, self.b = self.alice.api, self.bob.api
        await self.alice.ready()
        await self.bob.ready()

    async def asyncTearDown(self) -> None:
        self.assertEqual([], self.traffic.faults[self.faults_before:])

    @property
    def traffic(self) -> Traffic:
        return self.run_of.traffic

    @property
    def network(self) -> Network:
        return self.run_of.network

    async def context(self, api: Any) -> Any:
        """A routing context that is released after the test."""
        return await self.enterAsyncContext(await api.new_routing_context())

    @contextlib.contextmanager
    def fails(self, *kinds: type[veilid.VeilidAPIError], **fields: str) -> Iterator[None]:
        """The block fails with one of these kinds of error, and these fields."""
        with self.assertRaises(kinds) as caught:
            yield
        self.assertEqual(fields, {name: getattr(caught.exception, name, None) for name in fields})
