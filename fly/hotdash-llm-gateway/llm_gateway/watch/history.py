"""What the last minutes and days counted, made from one look after the other. Plain data, so that it can be kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from .seen import Seen

MINUTES = 60
"""Minutes that are kept one by one."""
DAYS = 8
HOURLY = ("requests", "hits", "asked", "failed")
HOUR_S = 3600


def empty() -> dict[str, Any]:
    """Before the first look."""
    return {"last": {}, "minutes": [], "hours": {}}


def after(history: Mapping[str, Any], seen: Seen) -> dict[str, Any]:
    """The history with one more look. A counter that is lower than before began anew."""
    known = history["last"]
    new: defaultdict[str, float] = defaultdict(float)
    for group, counts in seen.counters.items():
        before = known.get(group)
        if before is None and not known:
            continue  # The first look of all: when that was counted is not known.
        for name, count in counts.items():
            was = (before or {}).get(name, 0.0)
            new[name] += count - was if count >= was else count
    minutes = [*history["minutes"], {"at": seen.at, "n": {name: count for name, count in new.items() if count}}]
    hours = {hour: dict(counts) for hour, counts in history["hours"].items()}
    hour = hours.setdefault(str(int(seen.at // HOUR_S)), {})
    for name in HOURLY:
        if new[name]:
            hour[name] = hour.get(name, 0.0) + new[name]
    oldest = int(seen.at // HOUR_S) - DAYS * 24
    return {
        "last": {**known, **{group: dict(counts) for group, counts in seen.counters.items()}},
        "minutes": _kept(minutes, seen.at - MINUTES * 60),
        "hours": {name: counts for name, counts in hours.items() if int(name) > oldest},
    }


def _kept(minutes: list[dict[str, Any]], since: float) -> list[dict[str, Any]]:
    """Those after a moment, and the last one before it: from there on the first of them counts."""
    before = [minute for minute in minutes if minute["at"] <= since]
    return [*before[-1:], *minutes[len(before) :]]


def counted(history: Mapping[str, Any], now: float, minutes: int) -> defaultdict[str, float]:
    """What was counted in the last minutes, by name."""
    found: defaultdict[str, float] = defaultdict(float)
    for minute in history["minutes"]:
        if minute["at"] > now - minutes * 60:
            for name, count in minute["n"].items():
                found[name] += count
    return found


def measured(history: Mapping[str, Any], now: float, minutes: int) -> float:
    """How many minutes `counted` counts over: fewer than asked for where the looks began later, none at the first look.

    More where no look was made for a while: what was counted meanwhile stands in the look that ended it.
    """
    times = [minute["at"] for minute in history["minutes"]]
    before = [at for at in times if at <= now - minutes * 60]
    start = before[-1] if before else times[0] if times else now
    return max(0.0, now - start) / 60


def covers(history: Mapping[str, Any], now: float, minutes: int) -> bool:
    """Whether there were looks all through the last minutes."""
    times = [minute["at"] for minute in history["minutes"]]
    return bool(times) and times[0] <= now - (minutes - 1) * 60


def hourly(history: Mapping[str, Any], hour: int) -> Mapping[str, float]:
    """What an hour (since 1970) counted; nothing if it was not watched."""
    found: Mapping[str, float] = history["hours"].get(str(hour), {})
    return found
