"""Connections whose every line is looked at.

The client checks what it receives against its schema, but a line that fails
only ends its connection: whoever waits is cancelled and nobody says why. Here
each line is checked again, with more rules, and every fault is written down.
"""

import importlib.resources
import inspect
import json
from collections.abc import Callable
from enum import Enum
from typing import Any, Iterator

import veilid
import veilid.schema
from jsonschema import exceptions, validators

# The longest line that the client takes.
LONGEST_LINE = 4 * 65536


def _validator(name: str) -> Any:
    text = (importlib.resources.files(veilid.schema) / name).read_text()
    schema = json.loads(text)
    return validators.validator_for(schema)(schema)


class Traffic:
    """What went over all connections of a run."""

    def __init__(self) -> None:
        self.lines = 0  # received
        self.longest = 0
        self.operations: set[str] = set()  # asked: "Op" or "Op.SubOp"
        self.updates: set[str] = set()  # kinds received
        self.errors: set[str] = set()  # kinds received
        self.faults: list[str] = []
        self._request, self._received = _validator("Request.json"), _validator("RecvMessage.json")

    async def connect(self, callback: Callable[..., Any], index: int = 0) -> Any:
        """Connect as veilid.api_connector does."""
        return self.watch(await veilid.api_connector(callback, index))

    def watch(self, api: Any) -> Any:
        """Look at the lines of a connection. It has to be a new one: its
        receiver starts at the next await and must find our reader."""
        conversation = _Conversation(self)
        api.validate_schema = False  # once is enough: it is most of the client's work
        api.reader = _Reader(api.reader, conversation)
        api.writer = _Writer(api.writer, conversation)
        return api

    def fault(self, what: str, line: bytes | str) -> None:
        self.faults.append(f"{what}: {line[:300]!r}")

    def sent(self, request: Any, line: bytes) -> None:
        self._check(self._request, request, line)
        sub = [v for k, v in request.items() if k.endswith("_op")]
        self.operations.add(".".join([request["op"], *sub]))

    def received(self, message: Any, line: bytes) -> None:
        self.lines += 1
        self.longest = max(self.longest, len(line))
        if len(line) > LONGEST_LINE:
            self.fault("longer than the client takes", line)
        self._check(self._received, message, line)
        if message.get("type") == "Update":
            self.updates.add(message["kind"])
        elif "error" in message:
            self.errors.add(message["error"]["kind"])

    def _check(self, schema: Any, message: Any, line: bytes) -> None:
        error = exceptions.best_match(schema.iter_errors(message))
        if error is not None:
            self.fault(f"not as the schema says at {error.json_path}: {error.message[:200]}", line)


class _Conversation:
    """The requests of one connection that have no answer yet."""

    OBJECTS = ("rc_id", "db_id", "tx_id", "dhttx_id", "cs_id")
    SUB_OPERATIONS = ("rc_op", "db_op", "tx_op", "dhttx_op", "cs_op")

    def __init__(self, traffic: Traffic):
        self._traffic = traffic
        self._open: dict[int, dict[str, Any]] = {}

    def sent(self, line: bytes) -> None:
        request = json.loads(line)
        self._traffic.sent(request, line)
        if request["id"] != 0:  # those of finalizers share the number 0
            self._open[request["id"]] = request

    def received(self, line: bytes) -> None:
        try:
            message = json.loads(line.decode("utf-8", "strict"))
        except ValueError as e:
            self._traffic.fault(f"no JSON: {e}", line)
            return
        self._traffic.received(message, line)
        if message.get("type") != "Response":
            return
        if "error" in message and "value" in message:
            self._traffic.fault("a value and an error", line)
        if message.get("id") == 0:
            return
        request = self._open.pop(message.get("id"), None)
        if request is None:
            self._traffic.fault("an answer to no open request", line)
            return
        # What an answer repeats of its request.
        for key in ("op", *self.OBJECTS, *self.SUB_OPERATIONS):
            unknown_object = key in self.SUB_OPERATIONS and message.get(key) == "InvalidId"
            if message.get(key) != request.get(key) and not unknown_object:
                self._traffic.fault(f"{key} is {message.get(key)!r}, asked was {request.get(key)!r}", line)

    def broken(self, why: Exception) -> None:
        self._traffic.fault(f"a line cannot be read: {why}", b"")


class _Reader:
    def __init__(self, reader: Any, conversation: _Conversation):
        self._reader, self._conversation = reader, conversation

    async def readline(self) -> bytes:
        try:
            line = await self._reader.readline()
        except ValueError as e:  # the client takes this for the end of the connection
            self._conversation.broken(e)
            raise
        if line.endswith(b"\n"):
            self._conversation.received(line)
        return line


class _Writer:
    def __init__(self, writer: Any, conversation: _Conversation):
        self._writer, self._conversation = writer, conversation

    def write(self, line: bytes) -> None:
        self._conversation.sent(line)
        self._writer.write(line)

    def __getattr__(self, name: str) -> Any:  # drain, close, wait_closed
        return getattr(self._writer, name)


def client_classes() -> Iterator[type]:
    """The classes of the client that have instances: no enumerations, no bases."""
    for module in (veilid.api, veilid.config, veilid.error, veilid.json_api, veilid.state, veilid.types):
        for c in vars(module).values():
            if inspect.isclass(c) and c.__module__ == module.__name__ and not issubclass(c, Enum) and not inspect.isabstract(c):
                yield c


class Census:
    """Which classes of the client had an instance since the census began."""

    def __init__(self) -> None:
        self.used: set[str] = set()
        self.all = {c.__name__ for c in client_classes()}
        for c in client_classes():
            self._watch(c)

    def _watch(self, c: type) -> None:
        made = c.__init__

        def init(instance: Any, *args: Any, **kwargs: Any) -> None:
            self.used.add(type(instance).__name__)
            if made is object.__init__:  # text and numbers have taken their value in __new__
                made(instance)
            else:
                made(instance, *args, **kwargs)

        c.__init__ = init  # type: ignore[misc]
