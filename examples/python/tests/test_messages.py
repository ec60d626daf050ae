"""Routing contexts, private routes, messages and calls."""

import asyncio
import os
import secrets

import veilid
from veilid import (
    BareRouteId,
    CryptoKind,
    NodeId,
    PrivateSpec,
    RouteId,
    SafetySelection,
    SafetySpec,
    Sequencing,
    Stability,
    Target,
)
from veilid.state import VeilidUpdateKind

from tests.base import VLD0, ServerTest

LONGEST = 32768
NOBODYS = RouteId.from_value(VLD0, BareRouteId.from_bytes(bytes(32)))


class TestMessages(ServerTest):
    async def asyncSetUp(self):
        await super().asyncSetUp()
        await self.a.debug("purge routes")
        await self.b.debug("purge routes")
        self.context_a = await self.context(self.a)

    async def route(self, owner, user, spec=None):
        """A private route, and what its user calls it."""
        made = await (owner.new_custom_private_route(spec) if spec else owner.new_private_route())
        return made, Target.route_id(await user.import_remote_private_route(made.blob))

    async def test_contexts(self):
        context = await self.context(self.a)

        async def spec_of(context):
            spec = vars((await context.safety()).safety_spec)
            # The client makes text of a null.
            return spec | {"preferred_route": None if spec["preferred_route"] == "None" else spec["preferred_route"]}

        default = await spec_of(context)
        self.assertEqual(vars(SafetySpec(None, 1, Stability.RELIABLE, Sequencing.PREFER_ORDERED)), default)
        spec = SafetySpec(None, 2, Stability.LOW_LATENCY, Sequencing.PREFER_UNORDERED)
        async with await context.with_safety(SafetySelection.safe(spec), release=False) as safe:
            self.assertEqual(vars(spec), await spec_of(safe))
            async with await safe.with_sequencing(Sequencing.ENSURE_ORDERED, release=False) as ordered:
                self.assertEqual(vars(spec) | {"sequencing": Sequencing.ENSURE_ORDERED}, await spec_of(ordered))
            async with await safe.with_default_safety(release=False) as again:
                self.assertEqual(default, await spec_of(again))

    async def test_no_unsafe_contexts(self):
        with self.assertRaises(veilid.VeilidAPIErrorGeneric):
            await self.context_a.with_safety(SafetySelection.unsafe(Sequencing.ENSURE_ORDERED))

    async def test_too_many_hops(self):
        with self.fails(
            veilid.VeilidAPIErrorGeneric,
            message="hop count must be less than or equal to configured max route hop count",
        ):
            await self.context_a.with_safety(SafetySelection.safe(SafetySpec(hop_count=5)))
        with self.assertRaises(veilid.VeilidAPIErrorInvalidArgument):
            await self.a.new_custom_private_route(PrivateSpec(hop_count=5))

    async def test_message_to_oneself(self):
        _, target = await self.route(self.a, self.a)
        await self.context_a.app_message(target, b"abc123")
        got = await self.alice.update(VeilidUpdateKind.APP_MESSAGE, within=10)
        self.assertEqual((b"abc123", None), (got.message, got.sender))
        self.assertIsNotNone(got.route_id)

    async def test_call_to_oneself(self):
        _, target = await self.route(self.a, self.a)
        call = asyncio.create_task(self.context_a.app_call(target, b"abc123"))
        got = await self.alice.update(VeilidUpdateKind.APP_CALL, within=10)
        self.assertEqual(b"abc123", got.message)
        self.assertIsNotNone(got.route_id)
        await self.a.app_call_reply(got.call_id, b"qwer5678")
        self.assertEqual(b"qwer5678", await call)

    async def test_messages_between_servers(self):
        made, target = await self.route(self.b, self.a)
        sent = {os.urandom(secrets.randbelow(LONGEST + 1)) for _ in range(5)} | {os.urandom(LONGEST), b""}
        for message in sent:
            await self.context_a.app_message(target, message)
        got = [await self.bob.update(VeilidUpdateKind.APP_MESSAGE, within=10) for _ in sent]
        self.assertEqual(sent, {g.message for g in got})
        self.assertEqual({made.route_id}, {g.route_id for g in got})

    async def test_calls_between_servers(self):
        spec = PrivateSpec([VLD0], 1, Stability.RELIABLE, Sequencing.ENSURE_ORDERED)
        _, target = await self.route(self.b, self.a, spec)
        answering = asyncio.create_task(self.bob.answer_calls(lambda m: m[::-1]))
        questions = [os.urandom(secrets.randbelow(LONGEST + 1)) for _ in range(5)] + [os.urandom(LONGEST), b""]
        answers = await asyncio.gather(*(self.context_a.app_call(target, q) for q in questions))
        answering.cancel()
        self.assertEqual([q[::-1] for q in questions], answers)

    async def test_many_hops(self):
        for hops in (1, 2, 3):
            with self.subTest(hops=hops):
                made, target = await self.route(self.b, self.a, PrivateSpec(hop_count=hops))
                spec = SafetySpec(hop_count=hops)
                async with await self.context_a.with_safety(SafetySelection.safe(spec), release=False) as context:
                    await context.app_message(target, bytes([hops]))
                    await self.bob.update(VeilidUpdateKind.APP_MESSAGE, lambda m: m.message == bytes([hops]))
                await self.b.release_private_route(made.route_id)

    async def test_too_long(self):
        _, target = await self.route(self.b, self.a)
        with self.fails(veilid.VeilidAPIErrorInternal, message="AppMessage message too long to set"):
            await self.context_a.app_message(target, bytes(LONGEST + 1))
        with self.fails(veilid.VeilidAPIErrorInternal, message="AppCallQ message too long to set"):
            await self.context_a.app_call(target, bytes(LONGEST + 1))

    async def test_no_answer(self):
        _, target = await self.route(self.b, self.a)
        with self.assertRaises(veilid.VeilidAPIErrorTimeout):
            await self.context_a.app_call(target, b"anyone?")

    async def test_answer_to_no_call(self):
        with self.assertRaises(veilid.VeilidAPIError):
            await self.a.app_call_reply(veilid.OperationId("12345"), b"")

    async def test_targets_that_are_none(self):
        with self.assertRaises(veilid.VeilidAPIErrorInvalidTarget):
            await self.context_a.app_message(Target.node_id(NodeId(NOBODYS)), b"")
        with self.fails(veilid.VeilidAPIErrorNoConnection, message="could not get remote private route"):
            await self.context_a.app_message(Target.route_id(NOBODYS), b"")
        with self.assertRaises(veilid.VeilidAPIErrorInvalidArgument):
            await self.context_a.app_message(Target.route_id(RouteId("VLD0:AAAA")), b"")

    async def test_import_of_nonsense(self):
        for blob in (b"", b"nonsense", bytes(1000)):
            with self.assertRaises(veilid.VeilidAPIError):
                await self.a.import_remote_private_route(blob)

    async def test_unknown_kind_of_route(self):
        with self.fails(veilid.VeilidAPIErrorGeneric, message="invalid crypto kind"):
            await self.a.new_custom_private_route(PrivateSpec([CryptoKind.CRYPTO_KIND_NONE]))

    async def test_released_routes(self):
        made, target = await self.route(self.b, self.a)
        await self.b.release_private_route(made.route_id)
        change = await self.bob.update(VeilidUpdateKind.ROUTE_CHANGE)
        self.assertIn(made.route_id, change.dead_routes)
        with self.assertRaises(veilid.VeilidAPIError):
            await self.b.release_private_route(made.route_id)
        await self.a.release_private_route(RouteId(target.id))
        change = await self.alice.update(VeilidUpdateKind.ROUTE_CHANGE, lambda c: target.id in c.dead_remote_routes)
        with self.assertRaises(veilid.VeilidAPIErrorNoConnection):
            await self.context_a.app_message(target, b"too late")
