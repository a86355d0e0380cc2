"""`inv monitor.costs` in a terminal or a pipe, and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime

from ops.monitor import plots, trend
from ops.monitor.costs import Costs, Spent
from ops.runbook.report import document

LABEL, BAR = 22, 40
UNKNOWN = "unknown"


def lines(found: Costs) -> Iterator[str]:
    """Who spent what on what, what it saved, and where it goes."""
    yield trend.named(found.period)
    best = found.gateway or found.langfuse
    if best is None:
        yield f"{'spent':<{LABEL}}{UNKNOWN}"
    else:
        yield f"{'spent':<{LABEL}}{_usd(best.usd)}"
        for title, each in (("team", best.teams), ("model", best.models), ("route", best.routes), ("day", best.days)):
            yield ""
            yield f"by {title}"
            yield from _bars(each, ordered=title == "day")
    yield ""
    yield "saved by answers of a cache"
    yield from _bars(found.saved) if found.saved is not None else [f"  {UNKNOWN}"]
    yield "spent on them"
    yield from _bars(found.aside) if found.aside is not None else [f"  {UNKNOWN}"]
    yield ""
    yield from _month(found)
    yield from (f"unknown: {reason}" for reason in found.unknown)
    yield from (f"disagree: {reason}" for reason in found.disagreements)


def _bars(each: Mapping[str, float], *, ordered: bool = False) -> Iterator[str]:
    most, wide = max(each.values(), default=0.0), max((len(name) for name in each), default=0) + 1
    pairs = sorted(each.items()) if ordered else sorted(each.items(), key=lambda pair: -pair[1])
    for name, usd in pairs:
        bar = "█" * (round(BAR * usd / most) if most else 0) or ("▏" if usd else "")
        yield f"  {name:<{max(wide, LABEL - 2)}}{_usd(usd):>11}  {bar}".rstrip()
    if not each:
        yield "  nothing"


def _month(found: Costs) -> Iterator[str]:
    month = found.month
    yield f"{'this month so far':<{LABEL}}{UNKNOWN if month is None else _usd(month.spent)}"
    if month is None or month.expected is None:
        yield f"{'at its end':<{LABEL}}{UNKNOWN}: no whole day is known yet"
    elif month.low is None or month.high is None:
        yield f"{'at its end':<{LABEL}}{_usd(month.expected)}, range {UNKNOWN}: {month.days} whole days are too few"
    else:
        between = f"{_usd(month.low)} to {_usd(month.high)} in nine of ten"
        yield f"{'at its end':<{LABEL}}{_usd(month.expected)}, {between} (from {month.days} days)"
    yield f"{'goal':<{LABEL}}below {_usd(found.limit_usd)} a day, {_usd(found.month_limit_usd)} this month"
    yield f"{'infrastructure':<{LABEL}}{_usd(found.infrastructure_usd)} a month, by inv plan --cost"


def as_json(found: Costs, target: str) -> str:
    """Everything, as one document; null stands for what could not be seen."""
    return document(
        "monitor.costs",
        target=target,
        currency="USD",
        **{"from": _iso(found.period.begin), "to": _iso(found.period.end)},
        gateway=_spent(found.gateway),
        langfuse=_spent(found.langfuse),
        saved=_rounded(found.saved),
        aside=_rounded(found.aside),
        month=None if found.month is None else asdict(found.month),
        goal={"day": found.limit_usd, "month": found.month_limit_usd},
        infrastructure_month=round(found.infrastructure_usd, 2),
        unknown=list(found.unknown),
        disagreements=list(found.disagreements),
    )


def _spent(spent: Spent | None) -> dict[str, object] | None:
    if spent is None:
        return None
    return {"usd": round(spent.usd, 9)} | {name: _rounded(each) for name, each in asdict(spent).items()}


def _rounded(each: Mapping[str, float] | None) -> dict[str, float] | None:
    return None if each is None else {name: round(usd, 9) for name, usd in each.items()}


def _usd(usd: float) -> str:
    return plots.figure(usd, "$")


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
