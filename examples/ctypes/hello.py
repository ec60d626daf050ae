"""Two people on a private network of this machine, through the C library.

    make clib
    python3 examples/ctypes/hello.py dist/clib/linux-amd64/libvoile.so

The same as examples/c/hello.c: five nodes in this process, three that make the
network, and Ann and Ben, who call each other over a private route, share a record,
keep something in an encrypted table and have their secrets in a dict of Python.

A second argument is the first of five ports to use instead of 5250.
"""

import sys

from voile import Library, VoileError


def config(name, port, join):
    at = f"127.0.0.1:{port}"
    return {
        "program_name": name,
        "network": {
            "private_network": True,
            "network_key_password": "hello",
            "upnp": False,
            "routing_table": {"bootstrap": [], "bootstrap_keys": [], "bootstrap_records": join},
            "protocol": {key: {"listen_address": at} for key in ("udp", "tcp", "ws")},
        },
    }


def main(path, first_port=5250):
    library = Library(path)
    print("voile", library.version())
    join, nodes, keychains = [], [], []
    people = {}

    def ben_hears(update, blobs):
        if update["kind"] == "AppCall":
            print("ben is asked:", blobs[0].decode())
            reply = b"hello ann, nobody knows where I am"
            people["ben"].begin("AppCallReply", [reply], call_id=update["call_id"], message="#0")

    for i, name in enumerate(("relay1", "relay2", "relay3", "ann", "ben")):
        keychains.append({})
        node = library.start(config(name, first_port + i, join), secrets=keychains[i])
        nodes.append(node)
        session = people[name] = node.open(ben_hears if name == "ben" else None)
        if not join:  # the others join by this one's id and address
            node_id = session.call_quickly("Debug", command="nodeid")[0].strip()
            join = [f"0|0|{node_id}|127.0.0.1|U{first_port},T{first_port},W{first_port}/ws"]
        session.call_quickly("Attach")
    ann, ben = people["ann"], people["ben"]
    for name in ("ann", "ben"):
        people[name].call("WaitForAttachmentCondition", timeout_ms=60000)
        print(name, "is in the network")

    def context(session):
        rc, _ = session.call("NewRoutingContext")
        return lambda op, blobs=(), **p: session.call("RoutingContext", blobs, rc_id=rc, rc_op=op, **p)

    ann_does, ben_does = context(ann), context(ben)

    _, blob = ben.call("NewPrivateRoute")
    route, _ = ann.call("ImportRemotePrivateRoute", blob, blob="#0")
    _, answer = ann_does("AppCall", [b"hello ben"], target={"RouteId": route}, message="#0")
    print("ann hears:", answer[0].decode())
    assert answer == [b"hello ann, nobody knows where I am"]

    record, _ = ann_does("CreateDhtRecord", kind="VLD0", schema={"kind": "DFLT", "o_cnt": 1})
    ann_does("SetDhtValue", [b"the key is under the mat"], key=record["key"], subkey=0, data="#0", options={"allow_offline": False})
    ben_does("OpenDhtRecord", key=record["key"])
    _, note = ben_does("GetDhtValue", key=record["key"], subkey=0, force_refresh=True)
    print("ben reads:", note[0].decode())
    assert note == [b"the key is under the mat"]

    db, _ = ann.call("OpenTableDb", name="friends", column_count=1)
    ann.call("TableDb", [b"ben", b"likes tea"], db_id=db, db_op="Store", col=0, key="#0", value="#1")
    _, value = ann.call("TableDb", [b"ben"], db_id=db, db_op="Load", col=0, key="#0")
    print("ann remembers that ben", value[0].decode())
    assert value == [b"likes tea"]
    print(f"ann's keychain holds {len(keychains[3])} secret(s) for her node")
    assert "device_encryption_key" in keychains[3]

    try:
        ann_does("GetDhtValue", key=record["key"], subkey=9, force_refresh=False)
        raise AssertionError("there is a ninth page")
    except VoileError as e:
        print(f"a ninth page: {e.kind} ({e.code})")
        assert e.kind == "InvalidArgument" and e.code == 12

    waits = ann.begin("WaitForAttachmentCondition", condition={"opt_max_state": "Detached"})
    waits.cancel()
    try:
        waits.result(30)
        raise AssertionError("a cancelled call succeeded")
    except VoileError:
        pass

    for session in people.values():
        session.close()
    for node in reversed(nodes):
        node.close()
    left = library.counts()
    assert not any(left[n] for n in ("nodes", "sessions", "calls", "events")), left
    print("all is closed")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(sys.argv[1], *map(int, sys.argv[2:]))
