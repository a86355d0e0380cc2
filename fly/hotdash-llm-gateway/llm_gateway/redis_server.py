"""One Redis server: a few pipelined connections, a deadline per command, and a circuit breaker.

Every failure reaches the caller as `StoreUnavailable`, at the latest after the deadline. The first failure opens the
breaker: commands then fail at once, and a task in the background, never a client's request, tries the server until it
answers again. A server that is full (`maxmemory`, no eviction) still answers reads, so it does not open the breaker:
the write it refused raises `StoreFull`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from .lasting import lasting
from .redis_connection import Address, Connection, Lost, Part, Refused, connect

log = logging.getLogger(__name__)

CONNECTIONS = 4
"""So that a large value holds up few others."""
FIRST_PROBE_S = 0.1

# Replies that mean "this server cannot serve now", as opposed to "this command is wrong".
_AWAY_REPLIES = (
    "READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "MISCONF", "NOREPLICAS", "UNBLOCKED",
    "NOAUTH", "WRONGPASS",
)  # fmt: skip


class StoreUnavailable(Exception):
    """Redis did not do what it was asked, for a reason of its own."""


class StoreFull(StoreUnavailable):
    """Redis answers but refuses writes: it is at its `maxmemory`."""


class UnknownScript(StoreUnavailable):
    """Redis does not know a script by its digest."""


class Redirected(StoreUnavailable):
    """A server of a cluster says that another one has the key.

    Attributes:
        host, port: of the other one; an empty host is that of the server that says so.
        asking: this once, since the key's slot is on its way there.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        kind, _, place = text.split(" ")[:3]
        host, _, port = place.rpartition(":")
        self.host = "" if host == "?" else host
        self.port, self.asking = int(port), kind == "ASK"


class Server:
    """A server as one gateway process uses it.

    Args:
        address: where it is.
        timeout_s: longest time one command may take, in seconds.
        breaker_open_s: longest pause between two attempts to reach it while it is away, in seconds.
        probe: asks it, and raises StoreUnavailable while it does not serve.
        changed: told when it has gone away, and when it is back.
    """

    def __init__(
        self,
        address: Address,
        *,
        timeout_s: float,
        breaker_open_s: float,
        probe: Callable[[Server], Awaitable[None]],
        changed: Callable[[], None],
    ) -> None:
        self.address = address
        self.down_since: float | None = None
        """`time.monotonic()` of the moment it went away; None while it is there."""
        self._timeout_s, self._breaker_open_s = timeout_s, max(breaker_open_s, FIRST_PROBE_S)
        self._probe, self._changed = probe, changed
        self._open: list[Connection] = []
        self._subscriptions: set[Connection] = set()
        self._opening: set[asyncio.Task[Connection]] = set()
        self._probing: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def available(self) -> bool:
        """It answers, as far as is known."""
        return self.down_since is None

    async def start(self) -> bool:
        """Connect ahead of the first burst; answer whether it is there."""
        opening = [self._another() for _ in range(CONNECTIONS - len(self._open))]
        results = await asyncio.gather(*opening, self.ask("PING"), return_exceptions=True)
        return not any(isinstance(result, BaseException) for result in results)

    async def close(self) -> None:
        """Stop the background task and close all connections."""
        self._closed = True
        probing = [self._probing] if self._probing is not None else []
        for task in probing:
            task.cancel()
        # Connections that are being opened have a deadline: whoever waits for one shall not be cancelled with it.
        await asyncio.gather(*self._opening, *probing, return_exceptions=True)
        for connection in [*self._open, *self._subscriptions]:
            connection.close()
            await connection.ended

    async def ask(self, *command: Part, asking: bool = False, probing: bool = False) -> Any:
        """Run one command and return the answer: bytes, an integer, None, or a list of these.

        Args:
            command: its words.
            asking: the server may take it although the key's slot is still on its way here.
            probing: try also while it is away.

        Raises:
            StoreUnavailable: it is away, too slow, full (`StoreFull`), not the one that has the key (`Redirected`), or
                refused the command.
        """
        if not probing and not self.available:
            raise StoreUnavailable("Redis is away (breaker open)")
        try:
            connection = self._least_busy()
            if connection is None:
                connection = await asyncio.shield(self._another())
            if asking:
                connection.ask("ASKING")
            return await connection.ask(*command)
        except Refused as error:
            raise self._refused(str(error)) from error
        except Lost as error:
            raise self._away(str(error)) from error
        except OSError as error:
            raise self._away(type(error).__name__) from error

    async def listen(
        self, channels: Sequence[str], heard: Callable[[bytes, bytes], None], *, begun: Callable[[], None]
    ) -> None:
        """Subscribe to channels and hear their messages, until the connection ends. As `Store.listen`."""

        def pushed(message: list[Any]) -> None:
            kind, channel, content = message
            if kind == b"subscribe":
                begun()
            elif kind == b"message":
                heard(channel, content)

        try:
            connection = await connect(self.address, self._timeout_s, pushed=pushed)
        except (OSError, Lost, Refused) as error:
            raise StoreUnavailable(f"no subscription: {type(error).__name__}") from error
        self._subscriptions.add(connection)
        try:
            connection.send("SUBSCRIBE", *channels)
            await asyncio.shield(connection.ended)
        finally:
            self._subscriptions.discard(connection)
            connection.close()

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
        connection = await connect(self.address, self._timeout_s, lost=self._open_no_more)
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
        if text.startswith("NOSCRIPT"):
            return UnknownScript(text)
        return Redirected(text) if text.startswith(("MOVED ", "ASK ")) else StoreUnavailable(text)

    def _away(self, reason: str) -> StoreUnavailable:
        if self._closed:
            return StoreUnavailable("this connection to Redis is closed")
        if self.down_since is None:
            self.down_since = time.monotonic()
        if self._probing is None or self._probing.done():
            log.warning("redis: away (%s)", reason)
            self._probing = lasting(self._until_back)
        self._changed()
        # Whoever else waits for the same silent server need not wait for a deadline of their own.
        for connection in list(self._open):
            connection.close(reason)
        return StoreUnavailable(f"Redis is away: {reason}")

    async def _until_back(self) -> None:
        pause = FIRST_PROBE_S
        while True:
            await asyncio.sleep(pause)
            pause = min(pause * 2, self._breaker_open_s)
            with contextlib.suppress(StoreUnavailable):
                await self._probe(self)
                break
        self.down_since = None
        log.warning("redis: back")
        self._changed()


def _waiting(connection: Connection) -> int:
    return connection.waiting
