"""A real cluster of Redis-compatible servers on free loopback ports."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from redis import RedisCluster
from redis.exceptions import RedisError

from tests.gateway.valkey_server import ValkeyServer, free_port

SLOTS = 16_384
NODE_TIMEOUT_MS = 1_000
"""After which the others take a server for dead, and promote its replica."""
WHOLE_S = 30.0


class ValkeyCluster:
    """Servers that divide all slots between them.

    Args:
        masters: how many have slots.
        replicas: how many more follow the first of them.
    """

    def __init__(self, *, masters: int = 3, replicas: int = 0) -> None:
        password = secrets.token_hex(16)
        self._bus = free_port()
        """By which the others speak to the first of them."""
        buses = [self._bus, *(free_port() for _ in range(masters + replicas - 1))]
        self.members = [_member(password, bus) for bus in buses]
        self.masters, self.replicas = self.members[:masters], self.members[masters:]

    @property
    def url(self) -> str:
        """The address of one of them; the last, which has other keys than the first."""
        return self.masters[-1].url

    def client(self) -> RedisCluster:
        """A plain blocking client, to look at the data from outside."""
        return RedisCluster.from_url(self.url, socket_timeout=5)

    def start(self) -> ValkeyCluster:
        """Start the servers, give them their slots and wait until each takes the cluster for whole."""
        for member in self.members:
            member.start()
        bounds = [SLOTS * number // len(self.masters) for number in range(len(self.masters) + 1)]
        for number, master in enumerate(self.masters):
            ask(master, "CLUSTER", "ADDSLOTSRANGE", bounds[number], bounds[number + 1] - 1)
            ask(master, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        first = self.masters[0]
        for member in self.members[1:]:
            ask(member, "CLUSTER", "MEET", "127.0.0.1", first.port, self._bus)
        self.wait_whole()
        identity = ask(first, "CLUSTER", "MYID")
        for replica in self.replicas:
            ask(replica, "CLUSTER", "REPLICATE", identity)
        for replica in self.replicas:
            until(lambda replica=replica: b"master_link_status:up" in ask(replica, "INFO", "replication"))
        return self

    def wait_whole(self) -> None:
        """Wait until every server that runs knows of all and takes the cluster for whole."""
        until(lambda: all(_sees(member, len(self.members)) for member in self.members if member.running))

    def master_of(self, key: str) -> ValkeyServer:
        """The server that has a key."""
        running = next(member for member in self.members if member.running)
        slot = ask(running, "CLUSTER", "KEYSLOT", key)
        rows = ask(running, "CLUSTER", "SLOTS")
        (port,) = (master[1] for first, last, master, *_ in rows if first <= slot <= last)
        return next(member for member in self.members if member.port == port)

    def close(self) -> None:
        """Stop all of them and delete their data."""
        for member in self.members:
            member.close()

    def __enter__(self) -> ValkeyCluster:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def ask(server: ValkeyServer, *command: str | int | bytes) -> Any:
    """One server's own answer, as it sends it."""
    with server.client() as client:
        client.response_callbacks.clear()
        return client.execute_command(*command)


def until(holds: Callable[[], bool]) -> None:
    """Wait for what servers come to by themselves. Raises RuntimeError: they do not."""
    deadline = time.monotonic() + WHOLE_S
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError("the cluster does not come to what was waited for")
        time.sleep(0.02)


def _member(password: str, bus: int) -> ValkeyServer:
    settings: dict[str, str | int] = {
        "cluster-enabled": "yes",
        "cluster-port": bus,
        "cluster-node-timeout": NODE_TIMEOUT_MS,
        "masterauth": password,
        "repl-diskless-sync-delay": 0,
    }
    return ValkeyServer(password=password, settings=settings)


def _sees(member: ValkeyServer, size: int) -> bool:
    with contextlib.suppress(RedisError):
        lines = ask(member, "CLUSTER", "INFO").decode().splitlines()
        return {"cluster_state:ok", f"cluster_known_nodes:{size}"} <= set(lines)
    return False
