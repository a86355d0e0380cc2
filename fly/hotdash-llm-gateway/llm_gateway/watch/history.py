"""What the last minutes and days counted, made from one look after the other. Plain data, so that it can be kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from .seen import Seen

MINUTES = 60
"""Minutes that are kept one by one."""
DAYS = 8
SHARED, OWN = "shared", "own"
"""Kinds of counters: what all gateways count together, which never begins anew, and what each does for itself."""
USUAL_S = 60.0
"""Between two looks, where an earlier version of the watch did not write it down."""
HOURLY = ("requests", "hits", "asked", "failed")
HOUR_S = 3600


def empty() -> dict[str, Any]:
    """Before the first look."""
    return {"last": {}, "minutes": [], "hours": {}, "looked": {}}


def after(history: Mapping[str, Any], seen: Seen) -> dict[str, Any]:
    """The history with one more look. A counter that is lower than before began anew."""
    known = history["last"]
    new: defaultdict[str, float] = defaultdict(float)
    for group, counts in seen.counters.items():
        before = known.get(group)
        if before is None and (not known or group == SHARED):
            continue  # The first look of all: when that was counted is not known.
        for name, count in counts.items():
            was = (before or {}).get(name, 0.0)
            new[name] += count - was if count >= was else count
    kinds = {SHARED if group == SHARED else OWN for group in seen.counters}
    looked = history.get("looked") or {SHARED if group == SHARED else OWN: seen.at - USUAL_S for group in known}
    since = {kind: looked[kind] for kind in sorted(kinds) if kind in looked}
    minute = {"at": seen.at, "since": since, "n": {name: count for name, count in new.items() if count}}
    minutes = _appended(history["minutes"], minute)
    hours = {hour: dict(counts) for hour, counts in history["hours"].items()}
    hour = hours.setdefault(str(int(seen.at // HOUR_S)), {})
    for name in HOURLY:
        if new[name]:
            hour[name] = hour.get(name, 0.0) + new[name]
    oldest = int(seen.at // HOUR_S) - DAYS * 24
    return {
        "looked": {**looked, **dict.fromkeys(kinds, seen.at)},
        "last": {**known, **{group: dict(counts) for group, counts in seen.counters.items()}},
        "minutes": [minute for minute in minutes if minute["at"] > seen.at - MINUTES * 60],
        "hours": {name: counts for name, counts in hours.items() if int(name) > oldest},
    }


def _appended(minutes: Sequence[Mapping[str, Any]], look: dict[str, Any]) -> list[Mapping[str, Any]]:
    """With one more look; those of the same minute are one, so that however often it looks no more is kept."""
    last = minutes[-1] if minutes else None
    if last is None or last["at"] // 60 != look["at"] // 60 or "since" not in last:
        return [*minutes, look]
    counts = {name: last["n"].get(name, 0.0) + look["n"].get(name, 0.0) for name in (last["n"] | look["n"])}
    return [*minutes[:-1], {"at": look["at"], "since": look["since"] | last["since"], "n": counts}]


def counted(history: Mapping[str, Any], now: float, minutes: int) -> defaultdict[str, float]:
    """What was counted in the last minutes, by name."""
    found: defaultdict[str, float] = defaultdict(float)
    for minute in history["minutes"]:
        if minute["at"] > now - minutes * 60:
            for name, count in minute["n"].items():
                found[name] += count
    return found


def covered(history: Mapping[str, Any], now: float, minutes: int, kind: str) -> float | None:
    """How many minutes the counts of a kind really span, of those that `counted` adds up; None: they span none."""
    begun = [
        minute.get("since", {kind: minute["at"] - USUAL_S}).get(kind)
        for minute in history["minutes"]
        if minute["at"] > now - minutes * 60
    ]
    known = [at for at in begun if at is not None]
    return (now - min(known)) / 60 if known else None


def hourly(history: Mapping[str, Any], hour: int) -> Mapping[str, float]:
    """What an hour (since 1970) counted; nothing if it was not watched."""
    found: Mapping[str, float] = history["hours"].get(str(hour), {})
    return found
