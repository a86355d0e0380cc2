"""The client of Redis: a few pipelined connections, a deadline per call, and a circuit breaker.

Every failure of Redis reaches the caller as `StoreUnavailable`, at the latest after `timeout_s`. The first
failure opens the breaker: calls then fail at once, and a task in the background, never a client's request,
tries the server until it answers again. A Redis that is full (`maxmemory`, no eviction) still answers reads,
so it does not open the breaker: the write it refused raises `StoreFull`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from .redis_connection import Address, Connection, Lost, Part, Refused, connect

log = logging.getLogger(__name__)

CONNECTIONS = 4
"""So that a large value holds up few others."""
FIRST_PROBE_S = 0.1

# Replies that mean "this server cannot serve now", as opposed to "this command is wrong".
_AWAY_REPLIES = (
    "READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "MISCONF", "NOREPLICAS", "UNBLOCKED",
    "NOAUTH", "WRONGPASS",
)  # fmt: skip


class StoreUnavailable(Exception):
    """Redis did not do what it was asked, for a reason of its own."""


class StoreFull(StoreUnavailable):
    """Redis answers but refuses writes: it is at its `maxmemory`."""


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
        url: `redis://` or `rediss://`, password included; it is never logged.
        prefix: what every key of the gateway starts with.
        timeout_s: longest time one call may take, in seconds.
        breaker_open_s: longest pause between two attempts to reach a Redis that is away, in seconds.

    Raises:
        ValueError: the URL is none.
    """

    def __init__(self, url: str, *, prefix: str, timeout_s: float = 0.2, breaker_open_s: float = 5.0) -> None:
        self.prefix = prefix
        self.timeout_s = timeout_s
        self.down_since: float | None = None
        """`time.monotonic()` of the moment Redis went away; None while it is there."""
        self._address = Address.parse(url)
        self._breaker_open_s = max(breaker_open_s, FIRST_PROBE_S)
        self._open: list[Connection] = []
        self._opening: set[asyncio.Task[Connection]] = set()
        self._probe: asyncio.Task[None] | None = None
        self._there = asyncio.Event()
        self._there.set()

    @property
    def available(self) -> bool:
        """Redis answers, as far as is known."""
        return self.down_since is None

    async def start(self) -> bool:
        """Connect ahead of the first burst; answer whether Redis is there."""
        opening = [self._another() for _ in range(CONNECTIONS - len(self._open))]
        results = await asyncio.gather(*opening, self.call("PING"), return_exceptions=True)
        return not any(isinstance(result, BaseException) for result in results)

    async def close(self) -> None:
        """Stop the background task and close all connections."""
        tasks = [*self._opening, *filter(None, [self._probe])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in list(self._open):
            connection.close()
            await connection.ended

    async def wait_available(self) -> None:
        """Return once Redis answers, at once if it does now."""
        await self._there.wait()

    async def call(self, *command: Part) -> Any:
        """Run one command and return Redis's answer: bytes, an integer, None, or a list of these.

        Raises:
            StoreUnavailable: Redis is away, too slow, or full (`StoreFull`), or refused the command.
        """
        return await self._guarded(self._run(*command))

    async def script(self, script: Script, keys: Sequence[str], args: Sequence[Part]) -> Any:
        """Run a Lua script by its digest, sending its source only if Redis does not know it.

        Raises:
            StoreUnavailable: as `call`.
        """
        return await self._guarded(self._evaluate(script, keys, args))

    async def listen(
        self, channels: Sequence[str], heard: Callable[[bytes, bytes], None], *, begun: Callable[[], None]
    ) -> None:
        """Subscribe to channels and hear their messages, until the connection ends.

        Args:
            heard: given the channel and the message of each.
            begun: called when Redis has taken the subscription.

        Raises:
            StoreUnavailable: Redis cannot be reached.
        """

        def pushed(message: list[Any]) -> None:
            kind, channel, content = message
            if kind == b"subscribe":
                begun()
            elif kind == b"message":
                heard(channel, content)

        try:
            connection = await connect(self._address, self.timeout_s, pushed=pushed)
        except (OSError, Lost, Refused) as error:
            raise StoreUnavailable(f"no subscription: {type(error).__name__}") from error
        try:
            connection.send("SUBSCRIBE", *channels)
            await asyncio.shield(connection.ended)
        finally:
            connection.close()

    async def _guarded(self, command: Awaitable[Any]) -> Any:
        """A call's answer; what a command raises becomes what callers know."""
        try:
            return await command
        except Refused as error:
            raise self._refused(str(error)) from error
        except Lost as error:
            raise self._away(str(error)) from error
        except OSError as error:
            raise self._away(type(error).__name__) from error

    async def _evaluate(self, script: Script, keys: Sequence[str], args: Sequence[Part]) -> Any:
        try:
            return await self._run("EVALSHA", script.sha, len(keys), *keys, *args)
        except Refused as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
            return await self._run("EVAL", script.source, len(keys), *keys, *args)

    async def _run(self, *command: Part, probing: bool = False) -> Any:
        if not probing and not self.available:
            raise StoreUnavailable("Redis is away (breaker open)")
        connection = self._least_busy()
        if connection is None:
            connection = await asyncio.shield(self._another())
        return await connection.ask(*command)

    def _least_busy(self) -> Connection | None:
        """The connection with the shortest queue; if all are busy and there may be more, another one is opened."""
        best = min((each for each in self._open if each.usable), key=_waiting, default=None)
        if best is not None and best.waiting and len(self._open) + len(self._opening) < CONNECTIONS:
            self._another()
        return best

    def _another(self) -> asyncio.Task[Connection]:
        """A connection that is being opened."""
        if len(self._open) + len(self._opening) >= CONNECTIONS and self._opening:
            return next(iter(self._opening))
        task = asyncio.create_task(self._connect())
        self._opening.add(task)
        task.add_done_callback(self._opened)
        return task

    async def _connect(self) -> Connection:
        connection = await connect(self._address, self.timeout_s, lost=self._open_no_more)
        self._open.append(connection)
        return connection

    def _opened(self, task: asyncio.Task[Connection]) -> None:
        self._opening.discard(task)
        if not task.cancelled():
            task.exception()  # Told to those who wait for it, if any.

    def _open_no_more(self, connection: Connection) -> None:
        with contextlib.suppress(ValueError):
            self._open.remove(connection)

    def _refused(self, text: str) -> StoreUnavailable:
        if "OOM command" in text:
            return StoreFull("Redis is full: it refuses writes")
        if text.startswith(_AWAY_REPLIES):
            return self._away(text.split(" ", 1)[0])
        return StoreUnavailable(text)

    def _away(self, reason: str) -> StoreUnavailable:
        self._there.clear()
        if self.down_since is None:
            self.down_since = time.monotonic()
        if self._probe is None or self._probe.done():
            log.warning("redis: away (%s)", reason)
            self._probe = asyncio.create_task(self._until_back())
        # Whoever else waits for the same silent server need not wait for a deadline of their own.
        for connection in list(self._open):
            connection.close(reason)
        return StoreUnavailable(f"Redis is away: {reason}")

    async def _until_back(self) -> None:
        pause = FIRST_PROBE_S
        while True:
            await asyncio.sleep(pause)
            pause = min(pause * 2, self._breaker_open_s)
            # A write, since a replica that lost its master answers PING.
            write = self._run("SET", f"{self.prefix}probe", "1", "EX", "60", probing=True)
            try:
                await self._guarded(write)
            except StoreFull:
                break
            except StoreUnavailable:
                continue
            break
        self.down_since = None
        self._there.set()
        log.warning("redis: back")


def _waiting(connection: Connection) -> int:
    return connection.waiting
