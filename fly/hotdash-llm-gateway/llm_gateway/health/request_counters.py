"""Counts of what the gateway did, per team: in this process for metrics, in Redis for all gateways together."""

from __future__ import annotations

import asyncio
import contextlib
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping

from ..outcome import Outcome
from ..store import Store, StoreUnavailable
from .history import History
from .meters import ANSWERED, BOUNDS_S, NS, Meters

FLUSH_S = 5.0
DAILY = frozenset({"judge_nano_usd", "semantic_saved_nano_usd"})
"""Names whose sums are also kept by day, to tell whether the judge pays."""
DAILY_KEPT = 3
"""Days that these are kept."""
DETAILS = ("usd:", "saved:", "took:", "traced_", "uncached")
"""Beginnings of the names that are kept by hour only."""
UNANSWERED = ("limited", "malformed", "failed", "frozen", "shed")
UNCACHED = "uncached"
"""Answers that could have come from a cache and did not, as traces have it: `cache_hit = false`."""
LAST_REQUEST = "last_request_s"
"""When a team's last request ended, in seconds since 1970: the one figure that is no sum."""
DAY_S = 86400


class RequestCounters:
    """Adds up outcomes. Counting never waits; Redis gets the sums every few seconds.

    Args:
        store: where the sums of all gateways are kept.
        prefix: start of all key names.
        meters: what the metrics are made from; none are asked for without it.
    """

    def __init__(self, store: Store, *, prefix: str, meters: Meters | None = None) -> None:
        self._store, self._prefix = store, prefix
        self.meters = meters or Meters(frozenset(), frozenset())
        self._history = History(store, prefix=prefix)
        self.totals: Counter[tuple[str, str]] = Counter()
        """By (team, name), since this process started."""
        self.own_failures: Counter[str] = Counter()
        """Requests that failed for a reason of our own, by the kind of error, since this process started."""
        self.wrong_keys = 0
        """Requests without a key, or with one that no team has."""
        self._unsent: Counter[tuple[str, str]] = Counter()
        self._last: dict[str, int] = {}
        """Teams that have asked since the sums were sent, and when they did last, in seconds since 1970."""

    def count(self, outcome: Outcome, *, saved_nano_usd: int) -> None:
        """Add a finished request."""
        team = outcome.team.name
        self._last[team] = int(time.time())
        what: str
        if outcome.turned_away:
            what = outcome.turned_away
        elif outcome.status == 429 and outcome.warning:
            what = "limited"
        elif outcome.warning:
            what = "malformed"
        elif outcome.error:
            what = "failed"
        else:
            what = outcome.tier
        result = what if what in UNANSWERED else ANSWERED
        took_s = self.meters.note(outcome, result, saved_nano_usd=saved_nano_usd)
        new = {what: 1}
        if spent := outcome.billable.nano_usd:
            new["spent_nano_usd"] = spent
            new[f"usd:{outcome.kind}:{outcome.model}"] = spent
            if overhead := outcome.overhead.nano_usd:
                new["embedding_nano_usd"] = overhead
        if traced := outcome.total.nano_usd:
            new["traced_nano_usd"] = traced
        if saved_nano_usd:
            new["saved_nano_usd"] = saved_nano_usd
            new[f"saved:{outcome.tier}"] = saved_nano_usd
            if outcome.served_by in ("judge", "similarity"):
                new["semantic_saved_nano_usd"] = saved_nano_usd
        if outcome.escalated and not outcome.hit:
            new["escalated"] = 1
        if outcome.fallback is not None:
            new["fallback"] = 1
        if result == ANSWERED and not outcome.hit and outcome.answer is not None:
            new[UNCACHED] = 1
            new[f"took:{bisect_left(BOUNDS_S, took_s)}"] = 1
        # The hour in which it began, as Langfuse has it: so the two can be compared hour by hour.
        for name, value in new.items():
            self._add(team, name, value, at_s=outcome.started_ns / NS)

    def add(self, team: str, name: str, value: int) -> None:
        """Add to one figure of a team."""
        self._add(team, name, value)

    def _add(self, team: str, name: str, value: int, *, at_s: float | None = None) -> None:
        self._history.add(team, name, value, at_s=at_s)
        if not name.startswith(DETAILS):
            self.totals[team, name] += value
            self._unsent[team, name] += value

    async def history(self, team: str, days: int) -> Mapping[int, Mapping[str, int]]:
        """The sums of all gateways by hour (hours since 1970), of the last days (UTC). Raises StoreUnavailable."""
        return await self._history.read(team, days)

    def keys(self, team: str) -> tuple[str, ...]:
        """The names of all keys in Redis that there may be of a team."""
        days = range(_today() - DAILY_KEPT, _today() + 1)
        return (self._key(team), *(self._key(team, day) for day in days), *self._history.keys(team))

    async def run(self) -> None:
        """Send the sums until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_S)
            await self.flush()

    async def flush(self) -> None:
        """Send what was not sent; it stays for the next time if Redis is away."""
        for team, moment in list(self._last.items()):
            try:
                # Of several gateways the last to say so wins: they do so every few seconds.
                await self._store.call("HSET", self._key(team), LAST_REQUEST, moment)
            except StoreUnavailable:
                return
            if self._last[team] == moment:
                del self._last[team]
        for team, name in [key for key, value in self._unsent.items() if value]:
            value = self._unsent.pop((team, name))
            try:
                await self._store.call("HINCRBY", self._key(team), name, value)
            except StoreUnavailable:
                self._unsent[team, name] += value
                return

            if name in DAILY:
                with contextlib.suppress(StoreUnavailable):
                    await self._store.call("HINCRBY", self._key(team, _today()), name, value)
                    await self._store.call("EXPIRE", self._key(team, _today()), DAILY_KEPT * DAY_S)
        await self._history.flush()

    async def shared(self, team: str) -> Mapping[str, int]:
        """The sums of all gateways for a team, up to a few seconds ago. Raises StoreUnavailable."""
        return await self._read(self._key(team))

    async def yesterday(self, team: str) -> Mapping[str, int]:
        """The daily sums of all gateways for the last whole day (UTC). Raises StoreUnavailable."""
        return await self._read(self._key(team, _today() - 1))

    async def _read(self, key: str) -> Mapping[str, int]:
        raw = await self._store.call("HGETALL", key)
        pairs = raw.items() if isinstance(raw, Mapping) else zip(raw[::2], raw[1::2], strict=True)
        return {name.decode(): int(value) for name, value in pairs}

    def _key(self, team: str, day: int | None = None) -> str:
        return f"{self._prefix}tally:{{{team}}}" + ("" if day is None else f":{day}")


def pays(day: Mapping[str, int]) -> bool | None:
    """Whether semantic hits saved more than the judge cost on a day; None if it was not asked."""
    spent = day.get("judge_nano_usd", 0)
    return day.get("semantic_saved_nano_usd", 0) >= spent if spent else None


def _today() -> int:
    return int(time.time()) // DAY_S
