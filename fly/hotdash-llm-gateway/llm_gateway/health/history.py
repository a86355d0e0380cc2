"""What each hour held, for reports: sums of all gateways by team and hour, in Redis for a month and some days."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping

from ..store import Store, StoreUnavailable

HOUR_S, DAY_H = 3600, 24
KEPT_DAYS = 35
"""A month, and room to look back from its first days. About 0.5 kB for a team's hour in which something was asked."""


class History:
    """Sums by hour. A figure belongs to the hour it is added to, however late Redis is told of it.

    Args:
        store: where the sums of all gateways are kept, a hash for each team's day.
        prefix: start of all key names.
    """

    def __init__(self, store: Store, *, prefix: str) -> None:
        self._store, self._prefix = store, prefix
        self._unsent: Counter[tuple[str, int, str]] = Counter()

    def add(self, team: str, name: str, value: int, *, at_s: float | None = None) -> None:
        """Add to a figure of the current hour, or of the one of `at_s` (seconds since 1970); never waits."""
        if value:
            self._unsent[team, int(time.time() if at_s is None else at_s) // HOUR_S, name] += value

    async def flush(self) -> None:
        """Send what was not sent; it stays for the next time if Redis is away."""
        touched: set[str] = set()
        try:
            for (team, hour, name), value in list(self._unsent.items()):
                key = self._key(team, hour // DAY_H)
                touched.add(key)
                await self._store.call("HINCRBY", key, f"{hour % DAY_H}:{name}", value)
                # More may have come meanwhile.
                self._unsent[team, hour, name] -= value
                if not self._unsent[team, hour, name]:
                    del self._unsent[team, hour, name]
            for key in touched:
                await self._store.call("EXPIRE", key, KEPT_DAYS * DAY_H * HOUR_S)
        except StoreUnavailable:
            return

    async def read(self, team: str, days: int) -> Mapping[int, Mapping[str, int]]:
        """The figures by hour (hours since 1970) of the last days (UTC), today included. Raises StoreUnavailable."""
        today = int(time.time()) // HOUR_S // DAY_H
        found: dict[int, dict[str, int]] = {}
        for day in range(today - min(days, KEPT_DAYS) + 1, today + 1):
            raw = await self._store.call("HGETALL", self._key(team, day))
            pairs = raw.items() if isinstance(raw, Mapping) else zip(raw[::2], raw[1::2], strict=True)
            for field, value in pairs:
                hour, _, name = bytes(field).decode().partition(":")
                found.setdefault(day * DAY_H + int(hour), {})[name] = int(value)
        return found

    def keys(self, team: str) -> tuple[str, ...]:
        """The names of all keys in Redis that there may be of a team."""
        today = int(time.time()) // HOUR_S // DAY_H
        return tuple(self._key(team, day) for day in range(today - KEPT_DAYS, today + 1))

    def _key(self, team: str, day: int) -> str:
        return f"{self._prefix}history:{{{team}}}:{day}"
