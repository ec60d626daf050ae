"""A private network of `voile serve` processes on this machine.

Nothing of this is needed with servers that run already: the tour talks to any
two of them. It is here so that one command shows everything.

    with Network("bin/voile") as network:
        print(network.address)          # of the first server's API
"""

import os
import secrets
import socket
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Optional, Self

# A record is kept by five nodes, and a server does not count itself among them.
# The rest are there to be hops of private routes.
SERVERS = 8
START_LIMIT = 30.0  # seconds
STOP_LIMIT = 15.0


def free_ports(count: int) -> int:
    """Find the first of some consecutive ports of 127.0.0.1 that nothing listens on.

    Ports are looked for below the range that systems take the ports of
    outgoing connections from.
    """
    for _ in range(1000):
        first = 10000 + secrets.randbelow(20000)
        held = []
        try:
            for port in range(first, first + count):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    s = socket.socket(socket.AF_INET, kind)
                    held.append(s)
                    s.bind(("127.0.0.1", port))
        except OSError:
            continue
        finally:
            for s in held:
                s.close()
        return first
    raise RuntimeError("no free ports on 127.0.0.1")


class Server:
    """One `voile serve` process."""

    def __init__(self, program: str, directory: Path, arguments: list[str]):
        self._command = [program, "serve", "--data", str(directory), *arguments]
        self._process: Optional[subprocess.Popen[bytes]] = None
        self.log = directory.with_suffix(".log")

    def start(self) -> None:
        """Start the program; wait_started tells when clients can connect."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=log)

    def wait_started(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        giving_up = threading.Timer(START_LIMIT, self._process.kill)
        giving_up.start()
        line = self._process.stdout.readline()
        giving_up.cancel()
        if not line.startswith(b"ready"):
            self.stop()
            raise RuntimeError(f"voile serve did not start:\n{self.log.read_text()[-2000:]}")

    def wait(self) -> int:
        """Wait for the end of the program and return its exit code."""
        assert self._process is not None
        return self._process.wait(STOP_LIMIT)

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


class Network:
    """Servers that know each other, and nobody else.

    The API of server i is at port `port + i` of 127.0.0.1, which is how the
    client counts them (its "subindex"). The last server has its API on a Unix
    socket instead, `socket`.
    """

    def __init__(self, program: str, size: int = SERVERS):
        self._program = str(Path(program).resolve(strict=True))
        # Logs and stores of the servers; VOILE_KEEP leaves them there.
        self._keep = bool(os.environ.get("VOILE_KEEP"))
        self._place = tempfile.TemporaryDirectory(prefix="voile-python-", delete=not self._keep)
        self._size = size
        self.directory = Path(self._place.name)
        self.port = 0
        self.socket = self.directory / "api.sock"
        self.servers: list[Server] = []

    @property
    def address(self) -> str:
        """host:port of the first server, as VEILID_SERVER_NETWORK wants it."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        self.port = free_ports(2 * self._size)
        peers = self.port + self._size  # nodes talk to each other on these
        identity = self.directory / "first.key"
        self._run("keys", "new", "--out", str(identity))
        # The record says who the first node is and where; the others join by it.
        record = self._run(
            "bootstrap-record", "--hostname", "127.0.0.1", "--keys", str(identity),
            "--dial", f"U{peers},T{peers},W{peers}/ws",
        )
        network_key = secrets.token_hex()
        for i in range(self._size):
            last = i == self._size - 1
            arguments = [
                "--private", "--network-key", network_key,
                "--listen-port", str(peers + i),
                "--api", f"unix:{self.socket}" if last else f"127.0.0.1:{self.port + i}",
            ]
            arguments += ["--identity", str(identity)] if i == 0 else ["--bootstrap-record", record]
            self.servers.append(Server(self._program, self.directory / f"server{i}", arguments))
            self.servers[i].start()
        for server in self.servers:
            server.wait_started()

    def lone_server(self) -> tuple[Server, int]:
        """Start one more server, which is in no network, and return the port of its API."""
        port = free_ports(2)
        server = Server(self._program, self.directory / f"lone{port}", [
            "--private", "--network-key", "alone", "--detached",
            "--listen-port", str(port + 1), "--api", f"127.0.0.1:{port}",
        ])
        server.start()
        server.wait_started()
        return server, port

    def __exit__(self, *_: object) -> None:
        for server in self.servers:
            server.stop()
        if self._keep:
            print(f"logs are kept in {self.directory}")
        else:
            self._place.cleanup()

    def _run(self, *arguments: str) -> str:
        done = subprocess.run([self._program, *arguments], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"voile {arguments[0]}: {done.stderr}")
        return done.stdout.strip()
