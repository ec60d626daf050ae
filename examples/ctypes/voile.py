"""voile: a node in Python, through the C library and ctypes alone.

    library = Library("dist/clib/linux-amd64/libvoile.so")
    with library.start({"program_name": "hello"}) as node:
        with node.open() as session:
            state, _ = session.call("GetState")

A call takes the parameters of the remote API by name. Bytes of applications go in
`blobs` and are referred to as "#0", "#1", …; those of the answer come back beside its
value. A failure is a VoileError with the code and the kind of voile_codes.h.

Python 3.9 or newer, nothing else.
"""

import ctypes as c
import json
import threading

ABI = 1

OK, TIMEOUT, TRY_AGAIN, KEY_NOT_FOUND, INTERNAL, CLOSED = 0, 3, 4, 8, 9, 105
ANSWER, UPDATE, CRASH, SESSION_ENDED = 1, 2, 3, 4


class Bytes(c.Structure):
    _fields_ = [("data", c.c_void_p), ("size", c.c_size_t)]

    def read(self):
        return c.string_at(self.data, self.size) if self.size else b""


class Event(c.Structure):
    _fields_ = [
        ("type", c.c_int32),
        ("code", c.c_int32),
        ("session", c.c_int64),
        ("tag", c.c_uint64),
        ("line", c.c_void_p),
        ("line_size", c.c_size_t),
        ("blobs", c.POINTER(Bytes)),
        ("blob_count", c.c_size_t),
    ]

    def read(self):
        """The line as Python has JSON (None for ""), and the blobs: copies."""
        line = c.string_at(self.line, self.line_size)
        return json.loads(line) if line else None, [self.blobs[i].read() for i in range(self.blob_count)]


EVENT_FN = c.CFUNCTYPE(None, c.c_void_p, c.POINTER(Event))
LOG_FN = c.CFUNCTYPE(None, c.c_void_p, c.c_int32, c.c_char_p)
LOAD_FN = c.CFUNCTYPE(c.c_int32, c.c_void_p, c.c_char_p, c.POINTER(Bytes))
SAVE_FN = c.CFUNCTYPE(c.c_int32, c.c_void_p, c.c_char_p, c.c_void_p, c.c_size_t)
REMOVE_FN = c.CFUNCTYPE(c.c_int32, c.c_void_p, c.c_char_p)
RELEASE_FN = c.CFUNCTYPE(None, c.c_void_p, Bytes)


class Store(c.Structure):
    _fields_ = [
        ("user", c.c_void_p),
        ("load", LOAD_FN),
        ("save", SAVE_FN),
        ("remove", REMOVE_FN),
        ("release", RELEASE_FN),
    ]


class Options(c.Structure):
    _fields_ = [
        ("size", c.c_size_t),
        ("abi", c.c_uint32),
        ("flags", c.c_uint32),
        ("update_log_level", c.c_int32),
        ("log_level", c.c_int32),
        ("log", LOG_FN),
        ("log_user", c.c_void_p),
        ("start_timeout_ms", c.c_uint32),
        ("reserved", c.c_uint32),
        ("memory_limit", c.c_int64),
        ("store", c.POINTER(Store)),
        ("network", c.c_char_p),
        ("network_size", c.c_size_t),
    ]


class Counts(c.Structure):
    _fields_ = [("size", c.c_size_t)] + [
        (n, c.c_int64)
        for n in ("nodes", "sessions", "calls", "events", "goroutines", "heap_bytes", "allocated_bytes")
    ]


class VoileError(Exception):
    """A failure: code is its number, details what the API says about it."""

    def __init__(self, code, kind, details):
        super().__init__(f"{kind}: {details}")
        self.code, self.kind, self.details = code, kind, details


class Library:
    """The loaded library. Threads may share it."""

    def __init__(self, path):
        lib = self.lib = c.CDLL(path)
        handle, line, size = c.c_int64, c.c_char_p, c.c_size_t
        for name, result, *arguments in (
            ("abi", c.c_uint32),
            ("version", c.c_char_p),
            ("now", c.c_uint64),
            ("default_config", c.c_char_p),
            ("code_name", c.c_char_p, c.c_int32),
            ("last_error", size, c.c_char_p, size),
            ("free", None, c.POINTER(Event)),
            ("count", c.c_int32, c.POINTER(Counts)),
            ("node_start", c.c_int32, c.POINTER(Options), line, size, c.POINTER(handle)),
            ("node_close", c.c_int32, handle),
            ("node_network_changed", c.c_int32, handle),
            ("node_set_foreground", c.c_int32, handle, c.c_int32),
            ("session_open", c.c_int32, handle, EVENT_FN, c.c_void_p, c.POINTER(handle)),
            ("session_close", c.c_int32, handle),
            ("session_poll", c.c_int32, handle, c.c_int32, c.POINTER(c.POINTER(Event))),
            ("call", c.c_int32, handle, line, size, c.POINTER(Bytes), size, c.c_uint64, EVENT_FN, c.c_void_p, c.POINTER(handle)),
            ("call_sync", c.c_int32, handle, line, size, c.POINTER(Bytes), size, c.c_uint32, c.POINTER(c.POINTER(Event))),
            ("call_cancel", c.c_int32, handle),
        ):
            function = getattr(lib, "voile_" + name)
            function.restype, function.argtypes = result, arguments
        if lib.voile_abi() != ABI:
            raise RuntimeError(f"{path} has the interface {lib.voile_abi()}, this module {ABI}")

    def version(self):
        return self.lib.voile_version().decode()

    def default_config(self):
        return json.loads(self.lib.voile_default_config())

    def check(self, code):
        """Raises what a function of the library failed with."""
        if code != OK:
            text = c.create_string_buffer(1024)
            self.lib.voile_last_error(text, len(text))
            details = json.loads(text.value)
            raise VoileError(code, details["kind"], details)

    def counts(self):
        """What the library holds, by name."""
        counts = Counts(c.sizeof(Counts))
        self.check(self.lib.voile_count(c.byref(counts)))
        return {name: getattr(counts, name) for name, _ in Counts._fields_[1:]}

    def start(self, config, secrets=None):
        """Starts a node. secrets: a dict-like place for the node's secrets (bytes by
        text), such as a keychain; None: the configuration decides."""
        return Node(self, config, secrets)


class Node:
    """A node. close() ends it and its sessions."""

    def __init__(self, library, config, secrets):
        self.library, self.handle = library, c.c_int64()
        options = Options(size=c.sizeof(Options), abi=ABI)
        if secrets is not None:
            # The functions must live as long as the node, so the node has them.
            self.store = _store(secrets)
            options.store = c.pointer(self.store)
        text = json.dumps(config).encode()
        library.check(library.lib.voile_node_start(c.byref(options), text, len(text), c.byref(self.handle)))

    def open(self, on_update=None):
        """Opens a session. on_update gets each update and its blobs, in a thread of the
        library; None: there are none."""
        return Session(self, on_update)

    def network_changed(self):
        self.library.check(self.library.lib.voile_node_network_changed(self.handle))

    def set_foreground(self, on):
        self.library.check(self.library.lib.voile_node_set_foreground(self.handle, on))

    def close(self):
        self.library.check(self.library.lib.voile_node_close(self.handle))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _store(secrets):
    kept = {}  # what load has given and release has not taken back

    def guarded(f):
        def function(*arguments):
            try:
                return f(*arguments)
            except KeyError:
                return KEY_NOT_FOUND
            except Exception:  # an exception cannot cross the border
                return INTERNAL

        return function

    def load(_, key, value):
        secret = secrets[key.decode()]
        buffer = c.create_string_buffer(secret, max(len(secret), 1))
        value.contents.data, value.contents.size = c.addressof(buffer), len(secret)
        kept[c.addressof(buffer)] = buffer
        return OK

    def save(_, key, secret, size):
        secrets[key.decode()] = c.string_at(secret, size)
        return OK

    def remove(_, key):
        del secrets[key.decode()]
        return OK

    def release(_, value):
        kept.pop(value.data, None)

    return Store(None, LOAD_FN(guarded(load)), SAVE_FN(guarded(save)), REMOVE_FN(guarded(remove)), RELEASE_FN(release))


class Session:
    """A user of the API with objects of its own. Threads may share it."""

    def __init__(self, node, on_update):
        self.library, self.handle, self.on_update = node.library, c.c_int64(), on_update
        self.waiting, self.lock, self.tag = {}, threading.Lock(), 0
        self.callback = EVENT_FN(self._event)  # must live as long as the session
        self.library.check(self.library.lib.voile_session_open(node.handle, self.callback, None, c.byref(self.handle)))

    def _event(self, _, event):
        e = event.contents
        line, blobs = e.read()
        if e.type == ANSWER:
            with self.lock:
                done, result = self.waiting.pop(e.tag)
            result.extend((e.code, line, blobs))
            done.set()
        elif e.type == UPDATE and self.on_update is not None:
            self.on_update(line, blobs)

    def begin(self, op, blobs=(), **parameters):
        """Begins a call; the result waits for its answer: result() as call()."""
        line = json.dumps({"op": op, **parameters}).encode()
        done, result = threading.Event(), []
        with self.lock:
            self.tag += 1
            tag = self.tag
            self.waiting[tag] = done, result
        handle = c.c_int64()
        code = self.library.lib.voile_call(
            self.handle, line, len(line), _array(blobs), len(blobs), tag, EVENT_FN(), None, c.byref(handle)
        )
        if code != OK:
            self.waiting.pop(tag, None)
            self.library.check(code)
        return Begun(self, handle, done, result)

    def call(self, op, blobs=(), **parameters):
        """Does a call and waits: the value and the blobs of its answer."""
        return self.begin(op, blobs, **parameters).result()

    def call_quickly(self, op, blobs=(), **parameters):
        """As call, for what does not wait for the network: no other thread takes part."""
        line = json.dumps({"op": op, **parameters}).encode()
        answer = c.POINTER(Event)()
        code = self.library.lib.voile_call_sync(
            self.handle, line, len(line), _array(blobs), len(blobs), 0, c.byref(answer)
        )
        if not answer:
            self.library.check(code)
        try:
            return _outcome(code, *answer.contents.read())
        finally:
            self.library.lib.voile_free(answer)

    def close(self):
        """Ends the session. Calls that wait end with an error."""
        code = self.library.lib.voile_session_close(self.handle)
        with self.lock:
            waiting, self.waiting = self.waiting, {}
        for done, result in waiting.values():
            result.extend((CLOSED, {"error": {"kind": "Closed", "message": "the session was closed"}}, []))
            done.set()
        self.library.check(code)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Begun:
    """A call under way."""

    def __init__(self, session, handle, done, result):
        self.session, self.handle, self.done, self._result = session, handle, done, result

    def result(self, timeout=None):
        if not self.done.wait(timeout):
            raise TimeoutError
        return _outcome(*self._result)

    def cancel(self):
        """Ends the call early, if it is still under way."""
        self.session.library.lib.voile_call_cancel(self.handle)


def _outcome(code, line, blobs):
    if code != OK:
        raise VoileError(code, line["error"]["kind"], line["error"])
    return line.get("value"), blobs


def _array(blobs):
    if not blobs:
        return None
    array = (Bytes * len(blobs))()
    for to, blob in zip(array, blobs):
        to.data, to.size = c.cast(c.c_char_p(blob), c.c_void_p), len(blob)
    return array
