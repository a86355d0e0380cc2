"""What Langfuse knows of one team's requests in a span of time: how many, how they ended, how long they took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ops.runbook.errors import RunbookError
from ops.services.langfuse import Langfuse

MOST_FAILURES = 1000  # what one page of the API holds
LONGEST_REASON = 100
Filter = dict[str, Any]


@dataclass(frozen=True)
class Span:
    """From `begin` up to, not including, `end`."""

    begin: datetime
    end: datetime


@dataclass(frozen=True)
class Newest:
    """When the newest request of a span began; None without one."""

    at: datetime | None


@dataclass(frozen=True)
class Failures:
    """Requests that ended alike: the status they got, the reason in the trace, and how many they are."""

    status: str
    reason: str
    count: int


@dataclass(frozen=True)
class Traffic:
    """A team's requests in a span.

    Attributes:
        failed: no answer, by nobody's or the provider's or the gateway's doing.
        refused: no answer, because of the request itself: an unknown model, a malformed body.
        limited: no answer, because one of the team's limits was reached.
        p50_s, p95_s: seconds to the end of an answer that no cache gave; None without one.
        hits, misses: answers from a cache, and all other answers.
        models: answers by the model that gave them.
        failures: by kind, most frequent first; of the newest thousand.
    """

    requests: int = 0
    failed: int = 0
    refused: int = 0
    limited: int = 0
    p50_s: float | None = None
    p95_s: float | None = None
    hits: int = 0
    misses: int = 0
    models: Mapping[str, int] = field(default_factory=dict)
    failures: tuple[Failures, ...] = ()

    @property
    def unanswered(self) -> float:
        """The share of requests that got no answer, over a limit aside."""
        return (self.failed + self.refused) / self.requests if self.requests else 0.0

    @property
    def hit_rate(self) -> float | None:
        """The share of answers that came from a cache, 0 to 1; None where there was no answer."""
        answers = self.hits + self.misses
        return self.hits / answers if answers else None


def read(langfuse: Langfuse, team: str, span: Span) -> Traffic:
    """Ask Langfuse for a team's traffic.

    Raises:
        RunbookError: LF-001 or WEB-001 it refuses or does not answer, LF-004 it answers what is no figure.
    """
    levels, models = Counter[str](), Counter[str]()
    for row in _rows(langfuse, team, span, dimensions=("level", "providedModelName")):
        levels[str(row.get("level"))] += (count := _count(row))
        if row.get("level") == "DEFAULT" and row.get("providedModelName"):
            models[str(row["providedModelName"])] += count
    if not levels.total():
        return Traffic()
    warned = levels["WARNING"]
    limited = _counted(langfuse, team, span, _is("level", "WARNING"), _metadata("status", "429")) if warned else 0
    answered = _first(
        langfuse, team, span, ("p50", "p95"), _metadata("cache_hit", "false"), _among("level", ["DEFAULT"])
    )
    return Traffic(
        requests=levels.total(),
        failed=levels["ERROR"],
        refused=warned - limited,
        limited=limited,
        p50_s=_seconds(answered, "p50_latency"),
        p95_s=_seconds(answered, "p95_latency"),
        hits=_counted(langfuse, team, span, _metadata("cache_hit", "true")),
        misses=_count(answered),
        models=dict(models.most_common()),
        failures=_failures(langfuse, team, span) if levels["ERROR"] + warned else (),
    )


def newest(langfuse: Langfuse, team: str, span: Span) -> Newest:
    """The last request of a span; raises as `read` does."""
    found = langfuse.observations_where([*_base(team), *_within(span)], "core", 1)
    return Newest(_moment(found[0].get("startTime")) if found else None)


def _failures(langfuse: Langfuse, team: str, span: Span) -> tuple[Failures, ...]:
    wanted = [*_base(team), *_within(span), _among("level", ["ERROR", "WARNING"])]
    seen = Counter[tuple[str, str]]()
    for item in langfuse.observations_where(wanted, "core,basic,metadata", MOST_FAILURES):
        reason = " ".join(str(item.get("statusMessage") or "no reason given").split())
        seen[str((item.get("metadata") or {}).get("status", "-")), reason[:LONGEST_REASON]] += 1
    return tuple(Failures(status, reason, count) for (status, reason), count in seen.most_common())


def _rows(
    langfuse: Langfuse,
    team: str,
    span: Span,
    *filters: Filter,
    dimensions: Sequence[str] = (),
    latencies: Sequence[str] = (),
) -> list[dict[str, Any]]:
    latency = [{"measure": "latency", "aggregation": name} for name in latencies]
    return langfuse.metrics(
        {
            "view": "observations",
            "dimensions": [{"field": name} for name in dimensions],
            "metrics": [{"measure": "count", "aggregation": "count"}, *latency],
            "filters": [*_base(team), *filters],
            "fromTimestamp": _iso(span.begin),
            "toTimestamp": _iso(span.end),
        }
    )


def _first(langfuse: Langfuse, team: str, span: Span, latencies: Sequence[str], *filters: Filter) -> dict[str, Any]:
    rows = _rows(langfuse, team, span, *filters, latencies=latencies)
    return rows[0] if rows else {}


def _counted(langfuse: Langfuse, team: str, span: Span, *filters: Filter) -> int:
    return _count(_first(langfuse, team, span, (), *filters))


def _base(team: str) -> list[Filter]:
    # Embeddings are observations of a type of their own; whatever else hangs below a request is not counted.
    tagged = {"column": "tags", "type": "arrayOptions", "operator": "any of", "value": [f"team:{team}"]}
    return [tagged, _among("type", ["GENERATION", "EMBEDDING"])]


def _within(span: Span) -> list[Filter]:
    bounds = ((">=", span.begin), ("<", span.end))
    return [
        {"column": "startTime", "type": "datetime", "operator": operator, "value": _iso(at)} for operator, at in bounds
    ]


def _is(column: str, value: str) -> Filter:
    return {"column": column, "type": "string", "operator": "=", "value": value}


def _among(column: str, values: list[str]) -> Filter:
    return {"column": column, "type": "stringOptions", "operator": "any of", "value": values}


def _metadata(key: str, value: str) -> Filter:
    return {"column": "metadata", "type": "stringObject", "key": key, "operator": "=", "value": value}


def _count(row: Mapping[str, Any]) -> int:
    return int(_figure(row.get("count_count")) or 0)


def _seconds(row: Mapping[str, Any], name: str) -> float | None:
    milliseconds = _figure(row.get(name))
    return None if milliseconds is None else milliseconds / 1000


def _figure(value: Any) -> float | None:
    """A number, which may come as a string, or nothing."""
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        raise RunbookError("LF-004", f"Langfuse gave {value!r} for a figure", next="inv explain LF-004") from None


def _moment(text: Any) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise RunbookError("LF-004", f"Langfuse gave {text!r} for a time", next="inv explain LF-004") from None


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
