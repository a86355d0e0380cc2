"""The rehearsal's ports: free ones on loopback, picked once and remembered."""

from __future__ import annotations

import errno
import json
import secrets
import socket
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from ops.runbook.errors import RunbookError
from ops.targets.local.layout import read, write_private

# Below the range systems hand out to outgoing connections (32768 up on Linux, 49152 up elsewhere): a remembered
# port there would now and then be taken by somebody's connection while our servers are down.
LOWEST, HIGHEST = 20000, 31999

STORAGE = (
    "storage",
    "storage_grpc",
    "storage_master",
    "storage_master_grpc",
    "storage_volume",
    "storage_volume_grpc",
    "storage_filer",
    "storage_filer_grpc",
    "storage_admin",
    "storage_admin_grpc",
)
NAMES = (
    "postgres",
    "pooler",
    "redis",
    "openai",
    "langfuse",
    "gateway",
    "metrics",
    "smtp",
    "edge_http",
    "edge_https",
    *STORAGE,
)

# SeaweedFS' own worker dials its admin server's port plus 10000, whatever -admin.port.grpc says.
_OFFSET = 10000
_FOLLOWS = {"storage_admin_grpc": "storage_admin"}
_LEADERS_HIGHEST = HIGHEST - _OFFSET

# Clients outside this run keep these in URLs, so they are never changed behind an operator's back.
FIXED = ("postgres", "pooler", "redis")


class Ports:
    """The remembered ports of one rehearsal.

    Args:
        file: where they are remembered.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        # Steps that run side by side each pick theirs: reading, adding and writing is one thing.
        self._alone = threading.Lock()

    def known(self) -> dict[str, int]:
        """The ports picked so far, by name.

        Raises:
            RunbookError: LOCAL-002 the file does not hold what it should.
        """
        try:
            text = read(self.file)
            if text is None:
                return {}
            found = {str(name): int(port) for name, port in json.loads(text).items()}
        except (ValueError, AttributeError, TypeError):
            raise RunbookError(
                "LOCAL-002",
                f"{self.file} does not hold names and ports",
                why="it was edited, or written by something else",
                next="inv local.down, then remove that file",
            ) from None
        return found

    def get(self, name: str) -> int:
        """The port of `name`, picked and remembered on first use."""
        return self.reserve([name])[name]

    def peek(self, name: str) -> int:
        """The port of `name`, or 0 while none is picked. For looks: changes nothing."""
        return self.known().get(name, 0)

    def reserve(self, names: Iterable[str]) -> dict[str, int]:
        """The ports of `names`; those not yet known are picked in one write."""
        with self._alone:
            ports = self.known()
            new = [name for name in names if name not in ports]
            if new:
                for name in new:
                    _assign(ports, name)
                self._write(ports)
            return ports

    def check_free(self, name: str) -> None:
        """Before a server starts: its port must be free. A taken port that nothing outside refers to is changed.

        Raises:
            RunbookError: LOCAL-003 somebody else listens on it and clients depend on the number.
        """
        port = self.get(name)
        if is_free(port):
            return
        if name in FIXED:
            raise RunbookError(
                "LOCAL-003",
                f"port {port}, where {name} belongs, is taken by another program",
                why="the rehearsal's connection URLs hold this port, so it is not changed silently",
                next=f"stop what listens on {port} (ss -ltnp 'sport = :{port}'), then inv deploy.all",
            )
        with self._alone:
            ports = self.known()
            _assign(ports, name)
            self._write(ports)

    def _write(self, ports: dict[str, int]) -> None:
        write_private(self.file, json.dumps(ports, indent=2, sort_keys=True) + "\n")


def _assign(ports: dict[str, int], name: str) -> None:
    """Give `name` a new port, and what follows it another in step."""
    leader = _FOLLOWS.get(name, name)
    follower = next((follower for follower, followed in _FOLLOWS.items() if followed == leader), None)
    taken = set(ports.values())
    if follower is None:
        ports[name] = _pick(lambda port: port not in taken and is_free(port), HIGHEST)
        return

    def both(port: int) -> bool:
        return not {port, port + _OFFSET} & taken and is_free(port) and is_free(port + _OFFSET)

    ports[leader] = _pick(both, _LEADERS_HIGHEST)
    ports[follower] = ports[leader] + _OFFSET


def _pick(suits: Callable[[int], bool], highest: int) -> int:
    count = highest - LOWEST + 1
    start = secrets.randbelow(count)
    for offset in range(count):
        port = LOWEST + (start + offset) % count
        if suits(port):
            return port
    raise RunbookError("LOCAL-003", f"no free port between {LOWEST} and {highest}", next="inv doctor")


def is_free(port: int) -> bool:
    """Whether `port` can be listened on, on 127.0.0.1 and, where the machine has IPv6, on ::1."""
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                # As servers do: connections that are only waiting to be forgotten do not count.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            if family == socket.AF_INET:
                raise
    return True


def is_open(port: int, host: str = "127.0.0.1", timeout: float = 0.5) -> bool:
    """Whether something accepts connections on `port` (seconds to wait: `timeout`)."""
    try:
        with socket.create_connection((host, port), timeout=timeout):
            return True
    except OSError:
        return False


def has_ipv6() -> bool:
    """Whether this machine has the IPv6 loopback address."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def loopback() -> tuple[str, ...]:
    """The loopback addresses servers are to listen on."""
    return ("127.0.0.1", "::1") if has_ipv6() else ("127.0.0.1",)
