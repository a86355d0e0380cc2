"""Keeps this process' indexes equal to the semantic logs in Redis, which are the record.

A lookup reads what is new in its team's log once its question is embedded: no gateway misses what another one has kept
or purged before. After Redis was away everything is read anew, so that a Redis that came back empty, or with
other data, is believed.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..store import Store, StoreUnavailable
from .entry_store import Names, fields_of
from .index import Index, RowId, Wording

BATCH = 50
"""Rows in one go: what the event loop applies within some two milliseconds."""
TRIM_EVERY_S = 30.0


@dataclass
class _Followed:
    index: Index = field(default_factory=Index)
    seen: str = "0"
    begins: RowId = (0, 0)
    """What was written before this row of the log is gone."""
    trimmed: float = 0.0
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)


class IndexReplica:
    """The index of each team, brought up to date when asked for."""

    def __init__(self, store: Store, *, prefix: str, teams: Sequence[str]) -> None:
        self._store, self._prefix = store, prefix
        self._teams = {team: _Followed() for team in teams}

    def __len__(self) -> int:
        return sum(len(followed.index) for followed in self._teams.values())

    async def load(self) -> None:
        """Read all logs once, so that the first lookups need not; Redis being away only delays that."""
        for team in self._teams:
            with contextlib.suppress(StoreUnavailable):
                await self.sync(team)

    async def sync(self, team: str) -> Index:
        """The team's index with all that is in Redis. Raises StoreUnavailable."""
        followed, log = self._teams[team], Names(self._prefix, team).log("semantic")
        async with followed.reading:
            try:
                while await self._read(followed, log):
                    await asyncio.sleep(0)  # Other requests go first between two batches.
                if time.monotonic() - followed.trimmed > TRIM_EVERY_S:
                    followed.trimmed = time.monotonic()
                    first = await self._store.call("XRANGE", log, "-", "+", "COUNT", 1)
                    time_ms, sequence = _row_id(followed.seen)
                    followed.begins = _row_id(first[0][0].decode()) if first else (time_ms, sequence + 1)
            except StoreUnavailable:
                followed.index, followed.seen, followed.begins = Index(), "0", (0, 0)
                raise
            while followed.index.remove_before(followed.begins, BATCH):
                await asyncio.sleep(0)
        return followed.index

    async def _read(self, followed: _Followed, log: str) -> bool:
        """Apply the next batch of rows; returns whether there may be more."""
        rows = await self._store.call("XRANGE", log, f"({followed.seen}", "+", "COUNT", BATCH)
        for raw in rows:
            followed.seen, fields = raw[0].decode(), fields_of(raw)
            row = _row_id(followed.seen)
            if b"e" in fields:  # Rows of earlier versions have none.
                told = (fields[name].decode("utf-8", "replace") for name in (b"k", b"p", b"q", b"e", b"a", b"u"))
                followed.index.put(Wording(row, *told), fields[b"v"])
            elif fields.get(b"x") == b"*":
                followed.begins = row
            elif b"x" in fields:
                followed.index.remove(fields[b"x"].decode())
        return len(rows) == BATCH


def _row_id(raw: str) -> RowId:
    """A stream id such as 1700000000000-3 in a form that compares in order."""
    time_ms, _, sequence = raw.partition("-")
    return int(time_ms), int(sequence or 0)
