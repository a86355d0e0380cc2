"""The rules: from a look and what came before to findings. Pure: no clock, no network."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from . import history as past
from .catalogue import UNSEEN
from .catalogue import rules as catalogue
from .catalogue import sources as all_sources
from .seen import Seen
from .settings import Settings, Threshold

State = Literal["bad", "fine", "unknown"]
DAY_H = 24


@dataclass(frozen=True)
class Finding:
    """What a rule found of one subject: how it is, how bad, and that in words."""

    rule: str
    subject: str
    state: State
    value: float
    says: str

    @property
    def key(self) -> str:
        """Names the alert there may be of it."""
        return f"{self.rule}/{self.subject}"


Found = Iterator[tuple[str, bool | None, float, str]]
"""Of each subject: its name, whether it is bad (None: that cannot be told yet), how bad, and that in words."""


@dataclass(frozen=True)
class View:
    """What a rule looks at."""

    seen: Seen
    history: Mapping[str, Any]
    settings: Settings


def evaluate(seen: Seen, history: Mapping[str, Any], settings: Settings) -> list[Finding]:
    """All findings. What hangs on a source that was not seen is unknown, and so is said of the source."""
    view, found = View(seen, history, settings), []
    for source in all_sources():
        why = seen.unseen.get(source)
        there = "there is none here" if source in ("disks", "certificates") and not getattr(seen, source) else "seen"
        found.append(Finding(UNSEEN, source, "bad" if why else "fine", 0.0, why or there))
    for name, check in CHECKS.items():
        threshold, source = settings.rules[name], catalogue()[name].source
        if threshold.off:
            continue
        if source in seen.unseen and name != "gateway-down":
            found.append(Finding(name, "", "unknown", 0.0, seen.unseen[source]))
            continue
        for subject, bad, value, says in check(view, threshold):
            if bad is None:
                found.append(Finding(name, "", "unknown", value, says))
            else:
                found.append(Finding(name, subject, "bad" if bad else "fine", value, says))
    return found


def _lately(view: View, threshold: Threshold, kind: str) -> tuple[defaultdict[str, float], str] | None:
    """What was counted over a rule's minutes, and how long that really spans, in words; None before it is known."""
    spanned = past.covered(view.history, view.seen.at, threshold.over_min, kind)
    if spanned is None:
        return None
    return past.counted(view.history, view.seen.at, threshold.over_min), f"{max(round(spanned), 1)} min"


FIRST = ("all", None, 0.0, "not known yet: this is the first look, and a count needs two")


def _down(view: View, threshold: Threshold) -> Found:
    answering = len(view.seen.gateways)
    yield "all", not answering, float(not answering), f"{answering} of {view.settings.gateways} gateways answer"


def _not_ready(view: View, threshold: Threshold) -> Found:
    ready = sum(not reasons for reasons in view.seen.gateways.values())
    why = "; ".join(dict.fromkeys(reason for reasons in view.seen.gateways.values() for reason in reasons))
    missing = view.settings.gateways - ready
    yield "all", missing > 0, float(missing), f"{ready} of {view.settings.gateways} ready" + (f": {why}" if why else "")


def _errors(view: View, threshold: Threshold) -> Found:
    lately = _lately(view, threshold, past.SHARED)
    if lately is None:
        yield FIRST
        return
    counts, span = lately
    share = counts["failed"] / counts["requests"] if counts["requests"] else 0.0
    enough = counts["requests"] >= max(threshold.least, 1)
    says = f"{share:.1%} of {counts['requests']:.0f} requests failed in {span}"
    says += f", {counts['shed']:.0f} of them shed: too many were under way" if counts["shed"] else ""
    says += f" (limit {threshold.limit:.1%})"
    yield "all", enough and share > threshold.limit, share, says


def _latency(view: View, threshold: Threshold) -> Found:
    lately = _lately(view, threshold, past.OWN)
    if lately is None:
        yield FIRST
        return
    counts, span = lately
    bounds = sorted((float(name[3:]), count) for name, count in counts.items() if name.startswith("le:"))
    total = counts["timed"]
    enough = total >= max(threshold.least, 1)
    p95 = _p95(bounds, total)
    shown = f"about {p95:.2g} s" if p95 != float("inf") else f"more than {bounds[-1][0] if bounds else 0:g} s"
    says = f"P95 {shown} over {total:.0f} answers in {span} (limit {threshold.limit:g} s)"
    yield "all", enough and p95 > threshold.limit, min(p95, 1e6), says


def _p95(bounds: Sequence[tuple[float, float]], total: float) -> float:
    """The 95th percentile, of cumulative counts by bound; in a class, answers are taken to be spread evenly."""
    wanted, low, below = 0.95 * total, 0.0, 0.0
    for bound, count in bounds if total else ():
        if count >= wanted:
            return low + (bound - low) * (wanted - below) / (count - below)
        low, below = bound, count
    return float("inf") if total else 0.0


def _hit_rate(view: View, threshold: Threshold) -> Found:
    lately = _lately(view, threshold, past.SHARED)
    if lately is None:
        yield FIRST
        return
    now, span = lately
    hour = int(view.seen.at // past.HOUR_S)
    days = [past.hourly(view.history, hour - back) for back in range(1, DAY_H + 1)]
    hits, asked = (sum(each.get(name, 0.0) for each in days) for name in ("hits", "asked"))
    usual, rate = hits / asked if asked else 0.0, now["hits"] / now["asked"] if now["asked"] else 0.0
    enough = min(now["asked"], asked) >= max(threshold.least, 1)
    says = f"hit rate {rate:.0%} in {span}, {usual:.0%} in the day before"
    says += f" (limit: {threshold.limit:.0%} of that)"
    yield "all", enough and rate < usual * threshold.limit, usual - rate, says


def _team_budget(view: View, threshold: Threshold) -> Found:
    for name, team in view.seen.teams.items():
        share = team.usd / team.daily_usd if team.daily_usd else 0.0
        says = f"team {name}: {share:.0%} of its day's {team.daily_usd:g} USD used (limit {threshold.limit:.0%})"
        yield name, share > threshold.limit, share, says


def _spend(view: View, threshold: Threshold) -> Found:
    usd = sum(team.usd for team in view.seen.teams.values())
    yield "all", usd > threshold.limit, usd, f"{usd:.2f} USD today (limit {threshold.limit:g} USD)"


def _redis_memory(view: View, threshold: Threshold) -> Found:
    used, most = view.seen.redis
    share = used / most if most else 0.0
    says = f"{share:.0%} of {most / 2**20:.0f} MiB in use (limit {threshold.limit:.0%})"
    yield "all", share > threshold.limit, share, says


def _disk(view: View, threshold: Threshold) -> Found:
    for name, share in view.seen.disks.items():
        yield name, share > threshold.limit, share, f"{name}: {share:.0%} in use (limit {threshold.limit:.0%})"


def _traces_waiting(view: View, threshold: Threshold) -> Found:
    waiting = view.seen.traces_waiting
    yield "all", waiting > threshold.limit, float(waiting), f"{waiting} traces wait (limit {threshold.limit:g})"


def _traces_lost(view: View, threshold: Threshold) -> Found:
    lately = _lately(view, threshold, past.OWN)
    if lately is None:
        yield FIRST
        return
    counts, span = lately
    lost = counts["lost"]
    yield "all", lost > threshold.limit, lost, f"{lost:.0f} traces lost in {span}"


def _traces_missing(view: View, threshold: Threshold) -> Found:
    if view.seen.delivered is None:
        yield "all", None, 0.0, "not known yet: no gateway has compared them"
        return
    counted, shown = view.seen.delivered
    missing = max(0, counted - shown)
    share = missing / counted if counted else 0.0
    bad = counted >= max(threshold.least, 1) and share > threshold.limit
    says = f"Langfuse lacks {missing} of {counted} traces of the last whole hours (limit {threshold.limit:.0%})"
    yield "all", bad, share, says


def _certificate(view: View, threshold: Threshold) -> Found:
    for name, days in view.seen.certificates.items():
        yield name, days < threshold.limit, -days, f"{name}: {days:.0f} days left (limit {threshold.limit:g})"


def _quiet(view: View, threshold: Threshold) -> Found:
    """No request in an hour, though the same hour had some on most of the days before."""
    now, hour = view.seen.at, int(view.seen.at // past.HOUR_S)
    asked = past.counted(view.history, now, 60)["requests"]
    before = [past.hourly(view.history, hour - DAY_H * day).get("requests", 0.0) for day in range(1, past.DAYS)]
    busy = sum(count >= max(threshold.limit, 1) for count in before)
    minutes = past.covered(view.history, now, 60, past.SHARED)
    if minutes is None:
        yield FIRST
    elif minutes < 59 and not asked:
        yield "all", None, 0.0, f"not known yet: no request in {minutes:.0f} min, and it is not watched for an hour"
    else:
        says = f"{asked:.0f} requests in an hour; on {busy} of the last 7 days there were some then"
        yield "all", not asked and busy >= max(threshold.least, 1), float(busy), says


def _cache_wrong(view: View, threshold: Threshold) -> Found:
    for name, team in view.seen.teams.items():
        bad = team.checked >= max(threshold.least, 1) and team.wrong_low > threshold.limit
        says = f"{team.checked} semantic hits checked"
        if team.checked:
            says += f", surely more than {team.wrong_low:.1%} wrong (limit {threshold.limit:.1%})"
        yield name, bad, team.wrong_low, f"team {name}: {says}"


def _judge_cost(view: View, threshold: Threshold) -> Found:
    for name, team in view.seen.teams.items():
        bad = team.judge_pays is False
        says = {None: "was not asked", True: "paid", False: "cost more than it saved"}[team.judge_pays]
        yield name, bad, float(bad), f"team {name}: the judge {says} on the last whole day"


CHECKS: Mapping[str, Callable[[View, Threshold], Found]] = {
    "gateway-down": _down,
    "gateway-not-ready": _not_ready,
    "errors": _errors,
    "latency": _latency,
    "hit-rate": _hit_rate,
    "team-budget": _team_budget,
    "spend": _spend,
    "redis-memory": _redis_memory,
    "disk": _disk,
    "traces-waiting": _traces_waiting,
    "traces-lost": _traces_lost,
    "traces-missing": _traces_missing,
    "certificate": _certificate,
    "quiet": _quiet,
    "cache-wrong": _cache_wrong,
    "judge-cost": _judge_cost,
}
