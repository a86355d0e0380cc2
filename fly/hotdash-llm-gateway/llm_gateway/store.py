"""The client of Redis: one server, or a cluster of them, between which keys are divided by their hash tags.

That there is a cluster is found out, not configured: a server says so when asked, or by sending a command elsewhere.
Commands go to the server that has their key; all keys of one command, and of one script, are in one slot, since they
share a hash tag. A cluster is taken for away as long as one server that has slots is: see docs/scale.md.

Every failure of Redis reaches the caller as `StoreUnavailable`, at the latest after `timeout_s`, or as `StoreFull` if
it only refuses writes.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from typing import Any

from .redis_connection import Address, Part
from .redis_server import CONNECTIONS, Redirected, Server, StoreFull, StoreUnavailable, UnknownScript
from .redis_slots import SLOTS, owners, slot_of

__all__ = ["CONNECTIONS", "Script", "Store", "StoreFull", "StoreUnavailable"]

log = logging.getLogger(__name__)

REDIRECTIONS = 4
"""How often a command may be sent elsewhere before it is given up."""


@dataclass(frozen=True)
class Script:
    """A Lua script and the digest Redis knows it by."""

    source: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "sha", digest)

    @classmethod
    def load(cls, name: str) -> Script:
        """The script in the file `name` of this package."""
        return cls(resources.files(__package__).joinpath(name).read_text("utf-8"))


class Store:
    """Redis for one gateway process.

    Args:
        url: `redis://` or `rediss://`, password included; it is never logged. Of a cluster, any server's.
        prefix: what every key of the gateway starts with.
        timeout_s: longest time one call may take, in seconds.
        breaker_open_s: longest pause between two attempts to reach a Redis that is away, in seconds.

    Raises:
        ValueError: the URL is none.
    """

    def __init__(self, url: str, *, prefix: str, timeout_s: float = 0.2, breaker_open_s: float = 5.0) -> None:
        self.prefix = prefix
        self.timeout_s = timeout_s
        self._breaker_open_s = breaker_open_s
        self._servers: dict[tuple[str, int], Server] = {}
        self._there = asyncio.Event()
        self._there.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._learning: asyncio.Task[None] | None = None
        self._first = self._server(Address.parse(url))
        self._serving = [self._first]
        """Those that have slots; the only one if there is no cluster."""
        self._by_slot: list[Server] = []
        """Which server has which slot; empty if there is no cluster."""

    @property
    def available(self) -> bool:
        """Redis answers, as far as is known."""
        return self.down_since is None

    @property
    def down_since(self) -> float | None:
        """`time.monotonic()` of the moment Redis went away; None while it is there."""
        return min((each.down_since for each in self._serving if each.down_since is not None), default=None)

    async def start(self) -> bool:
        """Connect ahead of the first burst; answer whether Redis is there."""
        if not await self._first.start():
            return False
        await self._learn()
        return all([await server.start() for server in self._serving])

    async def close(self) -> None:
        """Stop the background tasks and close all connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for server in list(self._servers.values()):
            await server.close()

    async def wait_available(self) -> None:
        """Return once Redis answers, at once if it does now."""
        await self._there.wait()

    async def call(self, *command: Part) -> Any:
        """Run one command and return Redis's answer: bytes, an integer, None, or a list of these.

        Raises:
            StoreUnavailable: Redis is away, too slow, or full (`StoreFull`), or refused the command.
        """
        server, asking = self._server_for(command), False
        for _ in range(REDIRECTIONS):
            try:
                return await server.ask(*command, asking=asking)
            except Redirected as elsewhere:
                asking = elsewhere.asking
                if not asking:
                    self._learn_soon()
                server = self._server(
                    replace(server.address, host=elsewhere.host or server.address.host, port=elsewhere.port)
                )
        raise StoreUnavailable("the servers of the cluster send a command to each other")

    async def memory(self) -> list[tuple[int, int]]:
        """Of each server the bytes it uses and the most it may; 0 where it does not say. Raises StoreUnavailable."""
        told = await asyncio.gather(*(server.ask("INFO", "memory") for server in self._serving))
        return [_memory(text.decode()) for text in told]

    async def script(self, script: Script, keys: Sequence[str], args: Sequence[Part]) -> Any:
        """Run a Lua script by its digest, sending its source only if Redis does not know it.

        Args:
            script: the script.
            keys: those it uses, all with the same hash tag.
            args: its arguments.

        Raises:
            StoreUnavailable: as `call`.
        """
        try:
            return await self.call("EVALSHA", script.sha, len(keys), *keys, *args)
        except UnknownScript:
            return await self.call("EVAL", script.source, len(keys), *keys, *args)

    async def listen(
        self, channels: Sequence[str], heard: Callable[[bytes, bytes], None], *, begun: Callable[[], None]
    ) -> None:
        """Subscribe to channels and hear their messages, until the connection ends.

        Any server of a cluster will do: they pass on to each other what is published.

        Args:
            channels: their names.
            heard: given the channel and the message of each.
            begun: called when Redis has taken the subscription.

        Raises:
            StoreUnavailable: Redis cannot be reached.
        """
        await self._any().listen(channels, heard, begun=begun)

    def _server_for(self, command: Sequence[Part]) -> Server:
        slot = slot_of(command) if self._by_slot else None
        return self._any() if slot is None else self._by_slot[slot]

    def _any(self) -> Server:
        return next((server for server in self._serving if server.available), self._first)

    def _server(self, address: Address) -> Server:
        place = (address.host, address.port)
        if place not in self._servers:
            self._servers[place] = Server(
                address,
                timeout_s=self.timeout_s,
                breaker_open_s=self._breaker_open_s,
                probe=self._probe,
                changed=self._changed,
            )
        return self._servers[place]

    def _changed(self) -> None:
        if self.available:
            self._there.set()
        else:
            self._there.clear()

    async def _probe(self, server: Server) -> None:
        """Whether a server that was away serves again; if not, another one may have taken its slots over."""
        try:
            # A write, since a replica that lost its master answers PING.
            await server.ask("SET", f"{self.prefix}probe", "1", "EX", "60", probing=True)
        except (StoreFull, Redirected):
            pass  # It serves: of a cluster, only not this key.
        except StoreUnavailable:
            if any(each.available for each in self._serving):
                self._learn_soon()
            raise
        self._learn_soon()

    def _learn_soon(self) -> None:
        if self._learning is None or self._learning.done():
            self._learning = self._spawn(self._learn())

    async def _learn(self) -> None:
        """Ask a server which ones there are; none that is away, or not of a cluster, changes anything."""
        server = self._any()
        try:
            if b"cluster_enabled:1" not in await server.ask("INFO", "cluster"):
                return
            rows = await server.ask("CLUSTER", "SLOTS")
        except StoreUnavailable:
            return
        by_slot = [server] * SLOTS
        for first, last, host, port in owners(rows, server.address.host):
            owner = self._server(replace(server.address, host=host, port=port))
            by_slot[first : last + 1] = [owner] * (last + 1 - first)
        self._by_slot, self._serving = by_slot, list(dict.fromkeys(by_slot))
        gone = [place for place, each in self._servers.items() if each not in (*self._serving, self._first)]
        for place in gone:
            self._spawn(self._servers.pop(place).close())
        self._changed()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _memory(info: str) -> tuple[int, int]:
    lines = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
    used, most = (lines.get(name, "") for name in ("used_memory", "maxmemory"))
    return int(used) if used.isdigit() else 0, int(most) if most.isdigit() else 0
