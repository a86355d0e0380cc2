"""The record of both caches in Redis: entries, a log of them per team and tier, and a byte budget per team.

Every entry is a string with a time to live; every write adds a row to the log of its tier (a Redis stream). The
logs are the account: a row names its entry and its size, so the oldest entries can go first and the sum is never
guessed. The budget stays far below Redis' memory limit, so the caches cannot crowd out the limiter's keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..store import Script, Store

Tier = Literal["exact", "semantic", "verdict"]
TIERS: tuple[Tier, ...] = ("exact", "semantic", "verdict")
OVERHEAD_BYTES = 260
"""What Redis itself needs per entry beside its value and log fields: key, expiry, log row (measured, Valkey 9.1)."""
LARGEST_ENTRY_BYTES = 512 * 1024
_KEEP = Script.load("cache/keep.lua")
_FORGET = Script.load("cache/forget.lua")


@dataclass(frozen=True)
class Names:
    """Key names of one team. The team is a hash tag, so that a team's keys share one slot of a cluster."""

    prefix: str
    team: str

    def used(self) -> str:
        """The key of the number of bytes that the team's entries take."""
        return f"{self.prefix}used:{{{self.team}}}"

    def log(self, tier: Tier) -> str:
        """The key of the log (a stream) of one tier."""
        return f"{self.prefix}log:{tier}:{{{self.team}}}"

    def entries(self, tier: Tier) -> str:
        """What the keys of one tier's entries begin with; the entry's id follows."""
        return f"{self.prefix}{tier}:{{{self.team}}}:"


def value(raw: bytes) -> bytes:
    """What an entry was given to keep, from what Redis has under its key."""
    return raw.partition(b" ")[2]


class EntryStore:
    """Reads and writes cache entries within each team's budget.

    Every method that talks to Redis raises `StoreUnavailable` if it is away or full; the caches take that as a miss.

    Args:
        store: the shared Redis connection.
        prefix: common start of all key names, e.g. `gw:`.
        bytes_per_team: budget of one team over all tiers, Redis' own overhead included.
        ttl_s: life of an entry per tier, in seconds.
    """

    def __init__(self, store: Store, *, prefix: str, bytes_per_team: int, ttl_s: Mapping[Tier, int]) -> None:
        self._store, self._prefix, self._budget, self._ttl_s = store, prefix, bytes_per_team, dict(ttl_s)

    def names(self, team: str) -> Names:
        """The key names of a team."""
        return Names(self._prefix, team)

    def name(self, team: str, tier: Tier, entry_id: str) -> str:
        """The key in Redis of an entry."""
        return self.names(team).entries(tier) + entry_id

    async def read(self, team: str, tier: Tier, entry_id: str) -> bytes | None:
        """The value of an entry."""
        raw = await self._store.call("GET", self.name(team, tier, entry_id))
        return None if raw is None else value(raw)

    async def read_many(self, team: str, wanted: Sequence[tuple[Tier, str]]) -> list[bytes | None]:
        """The values of several entries, in one go."""
        if not wanted:
            return []
        names = self.names(team)
        found = await self._store.call("MGET", *(names.entries(tier) + entry_id for tier, entry_id in wanted))
        return [None if raw is None else value(raw) for raw in found]

    async def keep(
        self,
        team: str,
        tier: Tier,
        entry_id: str,
        value: bytes,
        *,
        ttl_s: int | None = None,
        row: Mapping[str, bytes | str] | None = None,
    ) -> str | None:
        """Write an entry, letting the team's oldest entries go if it would not fit.

        Args:
            ttl_s: a shorter life than the tier's; a longer one is cut.
            row: further fields for the log row.

        Returns:
            The id of the log row, or None if the entry is too large to be kept.
        """
        if len(value) > LARGEST_ENTRY_BYTES:
            return None
        names, longest = self.names(team), self._ttl_s[tier]
        tiers: list[str | int | bytes] = []
        for each in TIERS:
            tiers += [names.entries(each), self._ttl_s[each] * 1000]
        fields = [part for name, content in (row or {}).items() for part in (name, content)]
        life_ms = min(longest, ttl_s or longest) * 1000
        keys = [names.used(), names.entries(tier) + entry_id, *(names.log(each) for each in TIERS)]
        head: list[str | int | bytes] = [
            self._budget, entry_id, life_ms, OVERHEAD_BYTES, TIERS.index(tier) + 1, len(TIERS),
        ]  # fmt: skip
        new = await self._store.script(_KEEP, keys, [*head, *tiers, value, *fields])
        return str(new.decode()) or None

    async def used_bytes(self, team: str) -> int:
        """Bytes a team's entries take by the account."""
        return int(await self._store.call("GET", self.names(team).used()) or 0)

    async def forget(self, team: str, tier: Tier, *, until: str, batch: int = 500) -> int:
        """Remove a team's entries of one tier up to a log row (`+` for all), `batch` in a call. Returns how many."""
        names, total = self.names(team), 0
        while True:
            gone = int(
                await self._store.script(_FORGET, [names.used(), names.log(tier)], [names.entries(tier), until, batch])
            )
            total += gone
            if gone < batch:
                return total

    async def clear(self, team: str) -> int:
        """Remove all entries of a team while Redis is full and nothing can be kept. Returns how many."""
        total = sum([await self.forget(team, tier, until="+") for tier in TIERS])
        await self._store.call("DEL", self.names(team).used())
        return total

    async def drop(self, team: str, tier: Tier, entry_id: str) -> bool:
        """Remove one entry and its row. Returns whether it was there."""
        names = self.names(team)
        raw = await self._store.call("GET", names.entries(tier) + entry_id)
        if raw is None:
            return False
        owner = raw.partition(b" ")[0].decode()
        rows = await self._store.call("XRANGE", names.log(tier), owner, owner)
        await self._store.call("DEL", names.entries(tier) + entry_id)
        if rows and int(await self._store.call("XDEL", names.log(tier), owner)):
            await self._store.call("DECRBY", names.used(), int(fields_of(rows[0])[b"n"]))
        return True

    async def announce(self, team: str, **fields: str) -> str:
        """Add a row to the semantic log that is no entry: every gateway that follows the log sees it."""
        pairs = [part for pair in fields.items() for part in pair]
        row: bytes = await self._store.call("XADD", self.names(team).log("semantic"), "*", *pairs)
        return row.decode()


def fields_of(row: Sequence[Any]) -> dict[bytes, bytes]:
    """The fields of a stream row as the raw protocol returns it: [id, [name, value, ...]]."""
    return dict(zip(row[1][::2], row[1][1::2], strict=True))
