"""One connection to Redis. Commands follow each other without waiting; their answers come in the same order.

hiredis packs commands and parses answers. A pool of connections that each wait for one answer cost three times the CPU
(docs/decisions/0004-redis-pipelined.md).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import hiredis

Part = str | int | float | bytes
_LATE_TURNS = 5
"""Turns of the event loop granted to an answer that arrived while the loop was busy with something else."""


class Refused(Exception):
    """Redis answered with an error; the text is Redis's."""


class Lost(Exception):
    """The connection ended, or an answer did not come in time, before this command was answered."""


@dataclass(frozen=True)
class Address:
    """Where Redis is, and who asks."""

    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)
    database: int = 0
    tls: bool = False

    @classmethod
    def parse(cls, url: str) -> Address:
        """Read `redis://[[user]:password@]host[:port][/database]`, or `rediss://` for TLS.

        Raises:
            ValueError: it is no such URL. The message does not hold it, since it may hold a password.
        """
        try:
            parts = urlsplit(url)
            database = parts.path.strip("/") or "0"
            if parts.scheme not in ("redis", "rediss") or not parts.hostname or not database.isdecimal():
                raise ValueError
            return cls(
                unquote(parts.hostname),
                parts.port or 6379,
                unquote(parts.username or ""),
                unquote(parts.password or ""),
                int(database),
                parts.scheme == "rediss",
            )
        except ValueError:
            raise ValueError("not of the form redis[s]://[[user]:password@]host[:port][/database]") from None


class Connection(asyncio.Protocol):
    """A connection. Made by `connect`.

    Args:
        timeout_s: how long an answer may take.
        lost: told once, when the connection has ended.
        pushed: given what comes without having been asked for: the messages of a subscription.
    """

    def __init__(
        self,
        timeout_s: float,
        *,
        lost: Callable[[Connection], None] | None = None,
        pushed: Callable[[list[Any]], None] | None = None,
    ) -> None:
        self._timeout_s, self._lost, self._pushed = timeout_s, lost, pushed
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(protocolError=Lost, replyError=Refused)
        self._waiting: deque[tuple[asyncio.Future[Any], float]] = deque()
        self._transport: asyncio.Transport | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._reason = ""
        self.ended = self._loop.create_future()
        """Done when the connection has ended."""

    @property
    def waiting(self) -> int:
        """How many commands have not been answered."""
        return len(self._waiting)

    @property
    def usable(self) -> bool:
        """It has not ended, and is not about to."""
        return self._transport is not None and not self._transport.is_closing()

    def ask(self, *command: Part) -> asyncio.Future[Any]:
        """Send a command.

        Returns:
            What becomes its answer as Redis sends it: bytes, an integer, None, or a list of these. It raises `Refused`
            for an error that Redis tells, and `Lost` if there will be no answer. Nobody need wait for it.
        """
        future = self._loop.create_future()
        if not self.usable:
            future.set_exception(Lost(self._reason or "the connection has ended"))
            return future
        self._waiting.append((future, self._loop.time() + self._timeout_s))
        if self._alarm is None:
            self._alarm = self._loop.call_later(self._timeout_s, self._overdue)
        self.send(*command)
        return future

    def send(self, *command: Part) -> None:
        """Send a command whose answers are pushed: of a subscription."""
        if self._transport is not None:
            self._transport.write(cast(bytes, hiredis.pack_command(cast(Any, command))))

    def close(self, reason: str = "closed") -> None:
        """End it. Commands that wait raise `Lost` with the reason."""
        self._reason = self._reason or reason
        if self._transport is not None:
            self._transport.abort()
        self._fail()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio once: the connection is open."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio with bytes as they come: each whole reply settles the oldest command that waits."""
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not False:
                if self._waiting:
                    _settle(self._waiting.popleft()[0], reply)
                elif self._pushed is not None:
                    self._pushed(reply)
        except Lost as error:
            self.close(f"no answer of Redis: {error}")

    def connection_lost(self, error: Exception | None) -> None:
        """Called by asyncio once: the connection has ended, with `error` or on purpose. Who waits gets `Lost`."""
        self._reason = self._reason or (type(error).__name__ if error else "the server closed the connection")
        self._fail()
        if self._alarm is not None:
            self._alarm.cancel()
        if not self.ended.done():
            self.ended.set_result(None)
            if self._lost is not None:
                self._lost(self)

    def _fail(self) -> None:
        while self._waiting:
            future = self._waiting.popleft()[0]
            if not future.done():
                future.set_exception(Lost(self._reason))
                future.exception()  # Whoever asked may have left: that is no error of anybody's.

    def _overdue(self, turns: int = _LATE_TURNS) -> None:
        """The oldest command may have waited for too long."""
        self._alarm = None
        if not self._waiting:
            return
        left_s = self._waiting[0][1] - self._loop.time()
        if left_s > 0:
            self._alarm = self._loop.call_later(left_s, self._overdue)
        elif turns:
            self._alarm = self._loop.call_later(0, self._overdue, turns - 1)
        else:
            self.close(f"no answer within {self._timeout_s:g} s")


async def connect(
    address: Address,
    timeout_s: float,
    *,
    lost: Callable[[Connection], None] | None = None,
    pushed: Callable[[list[Any]], None] | None = None,
) -> Connection:
    """Connect, log in and choose the database.

    Raises:
        OSError: it cannot be reached, or not by TLS. TimeoutError is one.
        Refused, Lost: it does not let us in.
    """
    made = partial(Connection, timeout_s, lost=lost, pushed=pushed)
    context = _trust() if address.tls else None
    async with asyncio.timeout(timeout_s):
        transport, connection = await asyncio.get_running_loop().create_connection(
            made, address.host, address.port, ssl=context
        )
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        try:
            if address.password:
                await connection.ask("AUTH", *filter(None, (address.username,)), address.password)
            if address.database:
                await connection.ask("SELECT", address.database)
        except BaseException:
            connection.close()
            raise
    return connection


@cache
def _trust() -> ssl.SSLContext:
    """What the machine trusts; reading it takes tens of milliseconds."""
    return ssl.create_default_context()


def _settle(future: asyncio.Future[Any], reply: Any) -> None:
    if future.done():
        return
    if isinstance(reply, Refused):
        future.set_exception(reply)
    else:
        future.set_result(reply)
