"""The one way to Redis: a bounded, warmed pool, a deadline per call, and a circuit breaker.

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
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from redis import asyncio as aioredis
from redis import exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 16
WARM_CONNECTIONS = 4
FIRST_PROBE_S = 0.1
_LATE_TURNS = 5
"""Turns of the event loop granted to an answer that arrived while the loop was busy with something else."""

# Replies that mean "this server cannot serve now", as opposed to "this command is wrong".
_AWAY_REPLIES = ("LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "MISCONF", "NOREPLICAS", "UNBLOCKED")


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
        timeout_s: longest time one call may take, connecting and waiting for a connection included.
        breaker_open_s: longest pause between two attempts to reach a Redis that is away.
    """

    def __init__(self, url: str, *, prefix: str, timeout_s: float = 0.2, breaker_open_s: float = 5.0) -> None:
        self.prefix = prefix
        self.timeout_s = timeout_s
        self.down_since: float | None = None
        """`time.monotonic()` of the moment Redis went away; None while it is there."""
        self._breaker_open_s = max(breaker_open_s, FIRST_PROBE_S)
        self._calls: set[asyncio.Task[Any]] = set()
        self._probe: asyncio.Task[None] | None = None
        self._there = asyncio.Event()
        self._there.set()
        # The deadline is ours alone: redis-py's own would also fire when an answer is here but the loop was busy,
        # and a retry could run a script twice.
        pool = aioredis.BlockingConnectionPool.from_url(
            url,
            max_connections=MAX_CONNECTIONS,
            timeout=None,
            socket_timeout=None,
            socket_connect_timeout=None,
            socket_keepalive=True,
            retry=Retry(NoBackoff(), 0),
            driver_info=None,
            protocol=2,
        )
        self.redis: aioredis.Redis = aioredis.Redis.from_pool(pool)

    @property
    def available(self) -> bool:
        """Redis answers, as far as is known."""
        return self.down_since is None

    async def start(self) -> bool:
        """Open some connections ahead of the first burst; answer whether Redis is there."""
        commands = [self._run(self._send("PING")) for _ in range(WARM_CONNECTIONS)]
        results = await asyncio.gather(*commands, return_exceptions=True)
        return not any(isinstance(result, BaseException) for result in results)

    async def close(self) -> None:
        """Stop the background task and close all connections."""
        if self._probe is not None:
            self._probe.cancel()
            await asyncio.gather(self._probe, return_exceptions=True)
        with contextlib.suppress(OSError, exceptions.RedisError):
            await self.redis.aclose(close_connection_pool=True)

    async def wait_available(self) -> None:
        """Return once Redis answers, at once if it does now."""
        await self._there.wait()

    async def call(self, *command: str | int | float | bytes) -> Any:
        """Run one command and return Redis's answer.

        Raises:
            StoreUnavailable: Redis is away, too slow, or full (`StoreFull`), or refused the command.
        """
        if not self.available:
            raise StoreUnavailable("Redis is away (breaker open)")
        return await self._run(self._send(*command))

    async def script(self, script: Script, keys: Sequence[str], args: Sequence[str | int | bytes]) -> Any:
        """Run a Lua script by its digest, sending its source only if Redis does not know it.

        Raises:
            StoreUnavailable: as `call`.
        """
        if not self.available:
            raise StoreUnavailable("Redis is away (breaker open)")
        return await self._run(self._evaluate(script, keys, args))

    async def _evaluate(self, script: Script, keys: Sequence[str], args: Sequence[str | int | bytes]) -> Any:
        try:
            return await self._send("EVALSHA", script.sha, len(keys), *keys, *args)
        except exceptions.NoScriptError:
            return await self._send("EVAL", script.source, len(keys), *keys, *args)

    async def _send(self, *command: str | int | float | bytes) -> Any:
        return await self.redis.execute_command(*command)  # type: ignore[no-untyped-call]

    async def _run(self, command: Awaitable[Any], *, probing: bool = False) -> Any:
        task = asyncio.ensure_future(command)
        if not probing:
            self._calls.add(task)
            task.add_done_callback(self._calls.discard)
        try:
            await asyncio.wait({task}, timeout=self.timeout_s)
            for _ in range(_LATE_TURNS):
                if task.done():
                    break
                await asyncio.sleep(0)
            if not task.done():
                raise self._away(f"no answer within {self.timeout_s:g} s")
            return task.result()
        except asyncio.CancelledError:
            # Either our caller was cancelled or the breaker cancelled the command.
            if task.cancelled() and not self.available:
                raise StoreUnavailable("Redis went away during the call") from None
            raise
        except exceptions.ResponseError as error:
            raise self._refused(error) from error
        except (OSError, exceptions.RedisError) as error:
            raise self._away(type(error).__name__) from error
        finally:
            task.cancel()

    def _refused(self, error: exceptions.RedisError) -> StoreUnavailable:
        text = str(error)
        if isinstance(error, exceptions.OutOfMemoryError) or "OOM command" in text:
            return StoreFull("Redis is full: it refuses writes")
        if isinstance(error, exceptions.ReadOnlyError) or text.startswith(_AWAY_REPLIES):
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
        for task in list(self._calls):
            task.cancel()
        return StoreUnavailable(f"Redis is away: {reason}")

    async def _until_back(self) -> None:
        pause = FIRST_PROBE_S
        while True:
            await asyncio.sleep(pause)
            pause = min(pause * 2, self._breaker_open_s)
            # A write, since a replica that lost its master answers PING.
            write = self._send("SET", f"{self.prefix}probe", "1", "EX", "60")
            try:
                await self._run(write, probing=True)
            except StoreFull:
                break
            except StoreUnavailable:
                continue
            break
        self.down_since = None
        self._there.set()
        log.warning("redis: back")
