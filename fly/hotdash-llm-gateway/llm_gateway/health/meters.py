"""What the metrics of one process are made from: figures by label, added up when a request ends.

A finished request costs one look-up and some additions; everything else is worked out when the metrics are read.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ..outcome import Outcome

BOUNDS_S = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""Upper bounds of the latency histograms, in seconds; the goal for P95 is one of them."""
NS = 1_000_000_000
ANSWERED = "answered"
"""The result of a request that got what it asked for."""
OTHER = "other"
"""The label of whatever is not in the configuration: labels never come from outside."""


class Key(NamedTuple):
    """What requests are told apart by. All values are from fixed lists or the configuration."""

    team: str
    route: str
    model: str
    tier: str
    outcome: str


class Histogram:
    """Counts by upper bound, and their sum."""

    __slots__ = ("counts", "sum_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_S) + 1)
        self.sum_s = 0.0

    def note(self, seconds: float) -> None:
        """Count one, of so many seconds."""
        self.counts[bisect_left(BOUNDS_S, seconds)] += 1
        self.sum_s += seconds

    def cumulative(self) -> Iterator[tuple[str, int]]:
        """The bounds as labels, and how many lie at or below each."""
        count = 0
        for bound, each in zip((*map(str, BOUNDS_S), "+Inf"), self.counts, strict=True):
            count += each
            yield bound, count


class Row:
    """The figures of all requests of one key."""

    __slots__ = (
        "count", "first", "input_tokens", "lookup", "nano_usd", "output_tokens", "own", "provider", "saved_nano_usd",
        "total",
    )  # fmt: skip

    def __init__(self) -> None:
        self.count = self.input_tokens = self.output_tokens = self.nano_usd = self.saved_nano_usd = 0
        self.total, self.own = Histogram(), Histogram()
        self.provider: Histogram | None = None
        self.lookup: Histogram | None = None
        self.first: Histogram | None = None

    def note_times(self, outcome: Outcome, took_ns: int) -> None:
        """Take in how long an answer took, and its parts, in nanoseconds."""
        self.total.note(took_ns / NS)
        self.own.note(max(0, took_ns - outcome.provider_ns - outcome.lookup_ns) / NS)
        if outcome.provider_ns:
            self.provider = self.provider or Histogram()
            self.provider.note(outcome.provider_ns / NS)
        if outcome.lookup_ns:
            self.lookup = self.lookup or Histogram()
            self.lookup.note(outcome.lookup_ns / NS)
        if outcome.first_token_ns is not None:
            self.first = self.first or Histogram()
            self.first.note(max(0, outcome.first_token_ns - outcome.started_ns) / NS)


class Meters:
    """Figures of one process since its start, by key."""

    def __init__(self, teams: frozenset[str], models: frozenset[str]) -> None:
        self._teams, self._models = teams, models
        self.rows: dict[Key, Row] = {}

    def team(self, name: str) -> str:
        """A team's label."""
        return name if name in self._teams else OTHER

    def note(self, outcome: Outcome, result: str, *, saved_nano_usd: int) -> float:
        """Take in a finished request. Returns how long it took, in seconds.

        Args:
            outcome: of the request.
            result: answered, limited, malformed, failed, frozen or shed.
            saved_nano_usd: what a cached answer would have cost.
        """
        model = outcome.model or ""
        if model not in self._models:
            model = OTHER if model else "none"
        key = Key(self.team(outcome.team.name), outcome.kind, model, outcome.tier, result)
        row = self.rows.get(key)
        if row is None:
            row = self.rows[key] = Row()
        row.count += 1
        row.nano_usd += outcome.billable.nano_usd
        row.saved_nano_usd += saved_nano_usd
        usage = outcome.usage
        if usage:
            row.input_tokens += usage.get("prompt_tokens") or 0
            row.output_tokens += usage.get("completion_tokens") or 0
        # A clock that is set back must not make time negative.
        took_ns = max(0, time.time_ns() - outcome.started_ns)
        # What was refused took no time, and would make answers look quick.
        if result == ANSWERED:
            row.note_times(outcome, took_ns)
        return took_ns / NS

    def sums(self, *labels: str) -> Mapping[tuple[str, ...], Row]:
        """The rows added up over all labels but the named ones."""
        made: dict[tuple[str, ...], Row] = {}
        for key, row in self.rows.items():
            _add(made.setdefault(tuple(getattr(key, label) for label in labels), Row()), row)
        return made


def _add(sum_: Row, row: Row) -> None:
    for name in ("count", "input_tokens", "output_tokens", "nano_usd", "saved_nano_usd"):
        setattr(sum_, name, getattr(sum_, name) + getattr(row, name))
    for name in ("total", "own", "provider", "lookup", "first"):
        theirs = getattr(row, name)
        if theirs is None:
            continue
        ours = getattr(sum_, name) or Histogram()
        ours.counts = [a + b for a, b in zip(ours.counts, theirs.counts, strict=True)]
        ours.sum_s += theirs.sum_s
        setattr(sum_, name, ours)
