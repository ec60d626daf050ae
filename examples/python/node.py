"""A connection to a server, and the updates that came over it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Optional, Self

import veilid
from veilid.state import VeilidUpdate, VeilidUpdateKind

# Opens a connection to the server of a number; api_connector is the usual one.
Connector = Callable[[Callable[[VeilidUpdate], Awaitable[None]], int], Awaitable[Any]]


class Node:
    """What an application has of one server: the API and a stream of updates.

    The client calls one function with every update, and reads the next line
    only when that has returned. So the function must be quick, and must not
    wait for an answer of the same connection: the answer would never be read.
    This one puts updates on a list, and whoever wants one waits for it there.
    """

    def __init__(self, name: str):
        self.name = name
        self.api: Any = None
        self._updates: list[VeilidUpdate] = []
        self._changed = asyncio.Condition()

    @classmethod
    async def connect(cls, name: str, index: int, connector: Connector = veilid.api_connector) -> Self:
        """Connect to server `index`, counted from the one that
        VEILID_SERVER_NETWORK names (localhost:5959 if unset)."""
        node = cls(name)
        node.api = await connector(node._take, index)
        await asyncio.sleep(0)  # its receiver must have begun before it can be released
        return node

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_) -> None:
        await self.api.release()

    async def _take(self, update: VeilidUpdate) -> None:
        async with self._changed:
            self._updates.append(update)
            self._changed.notify_all()

    async def update(
        self,
        kind: VeilidUpdateKind,
        wanted: Callable[[Any], bool] = lambda _: True,
        within: float = 15.0,
    ) -> Any:
        """Wait for an update and return its detail. What is returned is taken
        off the list; everything else stays for later."""

        def take() -> Optional[VeilidUpdate]:
            for i, u in enumerate(self._updates):
                if u.kind == kind and wanted(u.detail):
                    return self._updates.pop(i)
            return None

        async with asyncio.timeout(within), self._changed:
            while (found := take()) is None:
                await self._changed.wait()
        return found.detail

    def forget(self, kind: VeilidUpdateKind) -> None:
        """Drop the updates of a kind that came so far."""
        self._updates = [u for u in self._updates if u.kind != kind]

    async def ready(self, within: float = 60.0) -> None:
        """Wait until the node can make routes and keep records.

        This asks from time to time, since the update that says so may have
        come before we connected.
        """
        async with asyncio.timeout(within):
            while not (await self.api.get_state()).attachment.public_internet_ready:
                await asyncio.sleep(0.5)

    async def answer_calls(self, answer: Callable[[bytes], bytes]) -> None:
        """Answer every app call, until cancelled."""
        while True:
            call = await self.update(VeilidUpdateKind.APP_CALL, within=3600.0)
            await self.api.app_call_reply(call.call_id, answer(call.message))
