"""What a server says of itself, and connections to it."""

import asyncio
import dataclasses
import json
import time

import veilid
from veilid.config import VeilidConfig
from veilid.json_api import json_api_connect, json_api_connect_ipc
from veilid.state import AttachmentState, VeilidUpdateKind

from node import Node
from tests.base import ServerTest


class TestServer(ServerTest):
    async def test_version(self):
        version = await self.a.veilid_version()
        self.assertEqual("0.5.8", f"{version.major}.{version.minor}.{version.patch}")
        self.assertEqual("0.5.8", await self.a.veilid_version_string())

    async def test_features(self):
        features = await self.a.veilid_features()
        self.assertIn("enable-crypto-vld0", features)

    async def test_default_config_has_just_what_the_client_knows(self):
        defaults = json.loads(await self.a.default_veilid_config())
        self.assertEqual({f.name for f in dataclasses.fields(VeilidConfig)}, set(defaults))
        VeilidConfig(**defaults)

    async def test_node_ids(self):
        ids = (await self.a.get_state()).network.node_ids
        self.assertEqual(["VLD0:"], [i[:5] for i in ids])

    async def test_state(self):
        state = await self.a.get_state()
        self.assertTrue(state.attachment.public_internet_ready)
        self.assertGreaterEqual(state.attachment.state.bar_count(), 1)
        self.assertGreater(int(state.attachment.uptime), 0)
        self.assertTrue(state.network.started)
        self.assertTrue(state.network.peers)
        self.assertEqual("", state.config.config.namespace)

    async def test_clocks(self):
        begun = time.time_ns() // 1000
        seen = [int(await self.a.now_increasing()) for _ in range(20)]
        self.assertEqual(sorted(set(seen)), seen)
        self.assertGreaterEqual(int(await self.a.now_non_decreasing()), seen[-1])
        self.assertLess(abs(int(await self.a.now()) - begun), 10_000_000)

    async def test_control(self):
        self.assertIsInstance(json.loads(await self.a.control(["GetServerSettings"])), dict)
        for name in ("Request", "RecvMessage"):
            schema = json.loads(await self.a.control(["EmitSchema", name]))
            self.assertIn("$defs", schema)
        with self.fails(veilid.VeilidAPIErrorInvalidArgument, context="invalid schema", argument="schema", value="Other"):
            await self.a.control(["EmitSchema", "Other"])
        with self.fails(veilid.VeilidAPIErrorInvalidArgument, context="change_log_level", argument="layer", value="nowhere"):
            await self.a.control(["ChangeLogLevel", "nowhere", "info"])
        with self.fails(veilid.VeilidAPIErrorGeneric, message="no control request specified"):
            await self.a.control([])
        with self.fails(veilid.VeilidAPIErrorGeneric, message="wrong number of arguments"):
            await self.a.control(["ChangeLogLevel"])
        with self.fails(veilid.VeilidAPIErrorGeneric, message="unknown control message"):
            await self.a.control(["Dance"])

    async def test_log_updates(self):
        async def something_to_log():
            async with await Node.connect("Carol", 0, self.traffic.connect) as carol:
                await carol.api.now()

        self.assertEqual("", await self.a.control(["ChangeLogIgnore", "api", ""]))
        self.assertEqual("", await self.a.control(["ChangeLogLevel", "api", "debug"]))
        try:
            await something_to_log()
            log = await self.alice.update(VeilidUpdateKind.LOG)
        finally:
            self.assertEqual("", await self.a.control(["ChangeLogLevel", "api", "off"]))
        self.assertTrue(log.message)
        self.assertIsNone(log.backtrace)
        await asyncio.sleep(1)  # for what was under way
        self.alice.forget(VeilidUpdateKind.LOG)
        await something_to_log()
        with self.assertRaises(TimeoutError):
            await self.alice.update(VeilidUpdateKind.LOG, within=1)

    async def test_debug(self):
        self.assertIn("VLD0:", await self.a.debug("nodeinfo"))
        for command in ("help", "entries", "buckets", "peerinfo", "route list", "record list local", "dialinfo"):
            self.assertTrue(await self.a.debug(command), command)
        with self.assertRaises(veilid.VeilidAPIError):
            await self.a.debug("no such command")

    async def test_network_updates_come_each_second(self):
        for _ in range(3):
            update = await self.alice.update(VeilidUpdateKind.NETWORK, within=2)
        self.assertTrue(update.started)

    async def test_many_connections_and_requests(self):
        nodes = [await self.enterAsyncContext(await Node.connect(str(i), 0, self.traffic.connect)) for i in range(5)]
        answers = await asyncio.gather(*(n.api.veilid_version_string() for n in nodes for _ in range(40)))
        self.assertEqual({"0.5.8"}, set(answers))

    async def test_every_connection_gets_updates(self):
        second = await self.enterAsyncContext(await Node.connect("Alice too", 0, self.traffic.connect))
        for n in (self.alice, second):
            await n.update(VeilidUpdateKind.NETWORK)

    async def test_a_reader_that_pauses_loses_nothing(self):
        context = await self.context(self.a)
        route = await self.b.new_private_route()
        target = veilid.Target.route_id(await self.a.import_remote_private_route(route.blob))
        for i in range(20):
            await context.app_message(target, bytes([i]) * 1000)
        time.sleep(2)  # the whole program stands still, its sockets too
        got = {(await self.bob.update(VeilidUpdateKind.APP_MESSAGE)).message[0] for _ in range(20)}
        self.assertEqual(set(range(20)), got)
        await self.b.release_private_route(route.route_id)

    async def test_an_object_that_is_gone(self):
        context = await self.a.new_routing_context()
        await context.release()
        with self.assertRaises(ValueError):  # the answer is of another operation: InvalidId
            await context.safety()

    async def test_objects_belong_to_their_connection(self):
        async with await self.a.new_routing_context() as mine:
            stranger = type(mine)(self.b, mine.rc_id)
            with self.assertRaises(ValueError):
                await stranger.safety()
            stranger.done = True  # there is nothing to release

    async def test_an_object_that_was_dropped_is_released(self):
        # What the finalizers of the client send; its own answers nobody waits for.
        made = []
        for _ in range(3):
            context = await self.a.new_routing_context()
            made.append(context.rc_id)
            self.a.send_one_way_ndjson_request("RoutingContext", rc_id=context.rc_id, rc_op="Release")
            context.done = True
            await self.a.now()  # an answer after which the release has been read
        self.assertEqual(1, len(set(made)), "numbers that were given back are given again")

    async def test_unix_socket(self):
        api = self.traffic.watch(await json_api_connect_ipc(str(self.network.socket), self._ignore))
        async with api:
            self.assertEqual("0.5.8", await api.veilid_version_string())

    async def test_nobody_there(self):
        node = Node("nobody")
        with self.assertRaises((veilid.VeilidConnectionError, OSError)):
            await json_api_connect("127.0.0.1", 1, node._take)

    async def test_attach_detach_and_shutdown(self):
        server, port = self.network.lone_server()
        try:
            node = Node("lone")
            node.api = self.traffic.watch(await json_api_connect("127.0.0.1", port, node._take))
            async with node.api as api:
                state = await api.get_state()
                self.assertEqual(AttachmentState.DETACHED, state.attachment.state)
                self.assertFalse(state.network.started)
                with self.fails(veilid.VeilidAPIErrorGeneric, message="Not attached"):
                    await api.detach()
                await api.attach()
                await node.update(VeilidUpdateKind.ATTACHMENT, lambda a: a.state == AttachmentState.ATTACHING)
                await node.update(VeilidUpdateKind.NETWORK, lambda n: n.started)
                await api.detach()
                await node.update(VeilidUpdateKind.ATTACHMENT, lambda a: a.state == AttachmentState.DETACHED)
                self.assertFalse(await api.is_shutdown())
                self.assertEqual("", await api.control(["Shutdown"]))
                self.assertEqual(0, await asyncio.to_thread(server.wait))
        finally:
            server.stop()

    async def _ignore(self, _):
        pass
