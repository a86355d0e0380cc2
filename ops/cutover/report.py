"""What `inv cutover.verify` found, for people and for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from ops.cutover.traffic import Newest, Span, Traffic
from ops.cutover.verify import Verification
from ops.description.stack import Success
from ops.runbook.report import document

MOST_KINDS = 10
LABEL, CELL = 16, 36
UNKNOWN, NOTHING = "unknown", "-"


def lines(found: Verification, goals: Success) -> Iterator[str]:
    """The figures, before and after the cut side by side, then what is wrong or unknown."""
    yield f"{found.team}: {'traffic arrives and fares well' if found.good else 'not as it should be'}"
    yield ""
    yield from _table(found, goals)
    yield _line("last request", [_ago(_newest(found), found.after.end)])
    yield _line("counters", [_counters(found)])
    failures = found.traffic_after.failures if found.traffic_after else ()
    if failures:
        yield ""
        yield "no answer, by status and reason" + (", after the cut" if found.cut else "")
        yield from (f"  {kind.count:>6}  {kind.status:<4} {kind.reason}" for kind in failures[:MOST_KINDS])
        if len(failures) > MOST_KINDS:
            yield f"  and {len(failures) - MOST_KINDS} more kinds"
    if found.problems or found.unknown or found.notes:
        yield ""
    yield from (f"problem: {problem}" for problem in found.problems)
    yield from (f"unknown: {reason}" for reason in found.unknown)
    yield from (f"note: {note}" for note in found.notes)


def as_json(found: Verification, target: str) -> str:
    """Everything, as one document; null stands for what could not be seen."""
    return document(
        "cutover.verify",
        target=target,
        team=found.team,
        good=found.good,
        problems=list(found.problems),
        unknown=list(found.unknown),
        notes=list(found.notes),
        cut=_iso(found.cut),
        before=_described(found.before, found.traffic_before),
        after=_described(found.after, found.traffic_after),
        last_request={"at": _iso(newest.at)} if (newest := _newest(found)) else None,
        counters={**asdict(found.counters), "last": _iso(found.counters.last)} if found.counters else None,
    )


def _table(found: Verification, goals: Success) -> Iterator[str]:
    columns = [(found.after, found.traffic_after)]
    if found.before is not None:
        columns.insert(0, (found.before, found.traffic_before))
        yield _line("", ["before the cut", "after the cut"])
    yield _line("", [_named(span) for span, _ in columns])
    rows: tuple[tuple[str, Callable[[Traffic], str], str], ...] = (
        ("requests", lambda t: str(t.requests), ""),
        ("no answer", _unanswered, f"below {goals.error_rate:.0%}"),
        ("over a limit", lambda t: str(t.limited), f"{goals.quota_violations}"),
        ("p50, p95", _latency, f"p95 below {goals.p95_latency_s:g} s"),
        ("cache hits", _hit_rate, f"above {goals.cache_hit_rate:.0%}"),
        ("models", lambda t: ", ".join(f"{model} {count}" for model, count in t.models.items()) or NOTHING, ""),
    )
    for label, told, goal in rows:
        cells = [UNKNOWN if traffic is None else told(traffic) for _, traffic in columns]
        yield _line(label, [*cells, f"goal: {goal}" if goal else ""])


def _line(label: str, cells: list[str]) -> str:
    return (f"{label:<{LABEL}}" + "".join(f"{cell:<{CELL}} " for cell in cells)).rstrip()


def _named(span: Span) -> str:
    return f"{span.begin.astimezone(UTC):%m-%d %H:%M} to {span.end.astimezone(UTC):%m-%d %H:%M} UTC"


def _unanswered(traffic: Traffic) -> str:
    return f"{traffic.failed + traffic.refused} ({traffic.unanswered:.1%})" if traffic.requests else NOTHING


def _latency(traffic: Traffic) -> str:
    if traffic.p50_s is None or traffic.p95_s is None:
        return NOTHING
    return f"{traffic.p50_s:.3g} s, {traffic.p95_s:.3g} s"


def _hit_rate(traffic: Traffic) -> str:
    return NOTHING if traffic.hit_rate is None else f"{traffic.hit_rate:.0%}"


def _newest(found: Verification) -> Newest | None:
    """By the traces, or by the gateway's own count where that is newer or all there is."""
    counted = found.counters.last if found.counters else None
    if found.newest is None:
        return Newest(counted) if counted else None
    moments = [at for at in (found.newest.at, counted) if at is not None]
    return Newest(max(moments, default=None))


def _ago(newest: Newest | None, now: datetime) -> str:
    if newest is None:
        return UNKNOWN
    if (at := newest.at) is None:
        return "none within the last week"
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC, {max(0.0, (now - at).total_seconds()):.0f} s ago"


def _counters(found: Verification) -> str:
    if found.counters is None:
        return UNKNOWN
    counted = found.counters
    answers = ", ".join(f"{name} {count}" for name, count in {**counted.answers, **counted.unanswered}.items())
    return (
        f"{counted.requests} requests and {counted.tokens} tokens within the last minute, "
        f"${counted.usd_today:.4f} today; so far: {answers}"
    )


def _described(span: Span | None, traffic: Traffic | None) -> dict[str, Any] | None:
    if span is None:
        return None
    figures = None
    if traffic is not None:
        figures = {**asdict(traffic), "unanswered": traffic.unanswered, "hit_rate": traffic.hit_rate}
    return {"from": _iso(span.begin), "to": _iso(span.end), "traffic": figures}


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")
