"""Keeps this process' index equal to the semantic logs in Redis.

Redis is the record. The mirror follows the log of every team on a connection of its own (a blocking read must not
hold up anybody else). After any loss of the connection it reads everything again into a fresh index and swaps it
in, so that a Redis that came back empty, or with other data, is believed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from .index import Entry, Index, RowId
from .ledger import Names, fields_of

log = logging.getLogger(__name__)

BATCH = 500
BLOCK_MS = 1000
TRIM_EVERY_S = 30.0


class Mirror:
    """Follows the logs of the given teams.

    Args:
        url: Redis, as for the store; the mirror opens its own single connection.
        prefix: start of all key names.
        teams: whose logs to follow.
        ttl_s: life of a semantic entry in seconds.
        retry_s: pause before connecting again.
    """

    def __init__(self, url: str, *, prefix: str, teams: Sequence[str], ttl_s: int, retry_s: float = 0.5) -> None:
        self.index = Index()
        self.synced = asyncio.Event()
        self.resyncs = 0
        self._url, self._ttl_s, self._retry_s = url, ttl_s, retry_s
        self._logs = {Names(prefix, team).log("semantic"): team for team in teams}

    async def run(self) -> None:
        """Follow until cancelled. Redis being away is not an error here, it only delays."""
        while True:
            # Longer than a blocking read takes, so that only a connection that hangs is given up.
            client = redis.asyncio.Redis.from_url(
                self._url,
                single_connection_client=True,
                socket_connect_timeout=2.0,
                socket_timeout=BLOCK_MS / 1000 + 3.0,
                retry=Retry(NoBackoff(), 0),
            )
            try:
                await self._follow(client)
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("semantic mirror: Redis is away (%s), trying again", type(error).__name__)
            finally:
                self.synced.clear()
                await client.aclose()
            await asyncio.sleep(self._retry_s)

    async def _follow(self, client: redis.asyncio.Redis) -> None:
        fresh = Index()
        seen: dict[str, str] = dict.fromkeys(self._logs, "0")
        while await self._read(client, fresh, seen, block_ms=None):
            await asyncio.sleep(0)  # Requests go first between two batches.
        self.index = fresh
        self.resyncs += 1
        self.synced.set()
        trimmed = time.monotonic()
        while True:
            await self._read(client, self.index, seen, block_ms=BLOCK_MS)
            if time.monotonic() - trimmed > TRIM_EVERY_S:
                trimmed = time.monotonic()
                await self._trim(client)

    async def _read(
        self, client: redis.asyncio.Redis, index: Index, seen: dict[str, str], *, block_ms: int | None
    ) -> bool:
        wanted: dict[Any, Any] = {**seen}
        answer: Any = await client.xread(wanted, count=BATCH, block=block_ms)
        streams = answer.items() if isinstance(answer, Mapping) else answer or ()
        for name, batches in streams:
            key = name.decode()
            # Protocol 3 wraps a stream's rows in one more list.
            rows = batches[0] if batches and isinstance(batches[0], list) else batches
            self._apply(index, self._logs[key], rows)
            seen[key] = rows[-1][0].decode()
        task = asyncio.current_task()
        if task and task.cancelling():
            # redis-py 8.1 can lose a cancellation that arrives together with an answer.
            raise asyncio.CancelledError
        return bool(streams)

    def _apply(self, index: Index, team: str, rows: Sequence[tuple[bytes, Mapping[bytes, bytes]]]) -> None:
        entries: list[Entry] = []
        codes: list[bytes] = []

        def flush() -> None:
            if entries:
                index.put(entries, codes)
                entries.clear()
                codes.clear()

        for raw in rows:
            row, fields = row_id(raw[0]), fields_of(raw)
            if b"v" in fields:
                entries.append(
                    Entry(
                        id=fields[b"k"].decode(),
                        team=team,
                        row=row,
                        room=fields[b"p"].decode(),
                        question=fields[b"q"].decode("utf-8", "replace"),
                        history_key=fields.get(b"h", b"").decode(),
                    )
                )
                codes.append(fields[b"v"])
            elif b"x" in fields:
                flush()
                if fields[b"x"] == b"*":
                    index.remove_before(team, row)
                else:
                    index.remove(team, fields[b"x"].decode())
        flush()

    async def _trim(self, client: redis.asyncio.Redis) -> None:
        """Let go of what Redis no longer has: entries past their life, and the oldest ones of a full team."""
        seconds, _ = await client.time()
        self.index.remove_older((int(seconds) - self._ttl_s) * 1000)
        for key, team in self._logs.items():
            first: Any = await client.xrange(key, count=1)
            self.index.remove_before(team, row_id(first[0][0]) if first else (1 << 62, 0))


def row_id(raw: bytes | str) -> RowId:
    """A stream id such as 1700000000000-3 in a form that compares in order."""
    time_ms, _, sequence = (raw.decode() if isinstance(raw, bytes) else raw).partition("-")
    return int(time_ms), int(sequence or 0)
