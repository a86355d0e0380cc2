"""Keeps this process' indexes equal to the semantic logs in Redis, which are the record.

A lookup reads what is new in its team's log, while the question is being embedded: no gateway misses what another one
has kept or purged before. After Redis was away everything is read anew, so that a Redis that came back empty, or with
other data, is believed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..store import Store, StoreUnavailable
from .index import Index, RowId, Wording
from .ledger import Names, fields_of

BATCH = 100
"""Rows in one go: what the event loop can apply within some milliseconds."""
TRIM_EVERY_S = 30.0
NOTHING: RowId = (0, 0)
"""Before all rows."""


@dataclass
class _Followed:
    index: Index = field(default_factory=Index)
    seen: str = "0"
    begins: RowId = NOTHING
    trimmed: float = 0.0
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)


class Mirror:
    """The index of each team, brought up to date when asked for."""

    def __init__(self, store: Store, *, prefix: str, teams: Sequence[str]) -> None:
        self._store, self._prefix = store, prefix
        self._teams = {team: _Followed() for team in teams}

    def __len__(self) -> int:
        return sum(len(followed.index) for followed in self._teams.values())

    def index(self, team: str) -> Index:
        """The team's index as it is."""
        return self._teams[team].index

    async def load(self) -> None:
        """Read all logs once, so that the first lookups need not; Redis being away only delays that."""
        for team in self._teams:
            try:
                await self.sync(team)
            except StoreUnavailable:
                continue

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
                    followed.begins = row_id(first[0][0]) if first else _after(followed.seen)
                while followed.index.remove_before(followed.begins, BATCH):
                    await asyncio.sleep(0)
            except StoreUnavailable:
                followed.index, followed.seen, followed.begins = Index(), "0", NOTHING
                raise
        return followed.index

    async def _read(self, followed: _Followed, log: str) -> bool:
        """Apply the next batch of rows; returns whether there may be more."""
        rows = await self._store.call("XRANGE", log, f"({followed.seen}", "+", "COUNT", BATCH)
        for raw in rows:
            row, fields = row_id(raw[0]), {name.decode(): value for name, value in fields_of(raw).items()}
            if "v" in fields and "e" in fields:  # Rows of earlier versions have no entry.
                wording = Wording(
                    id=fields["k"].decode(),
                    row=row,
                    room=fields["p"].decode(),
                    question=fields["q"].decode("utf-8", "replace"),
                    entry=fields["e"].decode(),
                    stamp=fields["a"].decode(),
                    end_user=fields["u"].decode(),
                    tokens=int(fields["t"]),
                )
                followed.index.put(wording, fields["v"])
            elif fields.get("x") == b"*":
                followed.begins = row
            elif "x" in fields:
                followed.index.remove(fields["x"].decode())
            followed.seen = raw[0].decode()
        return len(rows) == BATCH


def _after(seen: str) -> RowId:
    time_ms, sequence = row_id(seen.encode())
    return time_ms, sequence + 1


def row_id(raw: bytes) -> RowId:
    """A stream id such as 1700000000000-3 in a form that compares in order."""
    time_ms, _, sequence = raw.decode().partition("-")
    return int(time_ms), int(sequence or 0)
