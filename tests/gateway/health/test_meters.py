"""What metrics are made from: bounded in number, added up right, and written as OpenMetrics has it."""

from __future__ import annotations

import time

import pytest
from llm_gateway.config import Team
from llm_gateway.health.meters import BOUNDS_S, Histogram, Meters
from llm_gateway.ops.families import families
from llm_gateway.ops.figures import Sample
from llm_gateway.ops.metrics import exposition
from llm_gateway.outcome import Outcome
from prometheus_client.openmetrics.parser import text_string_to_metric_families

SHOP = Team("shop", "KEY", 10, 100, 1_000, semantic="off")


def done(model: str | None = "gpt-4o-mini", team: Team = SHOP, seconds: float = 0.3) -> Outcome:
    outcome = Outcome(team, tier="miss", model=model, usage={"prompt_tokens": 3, "completion_tokens": None})
    outcome.started_ns = time.time_ns() - int(seconds * 1e9)
    return outcome


def test_whatever_is_not_configured_is_other() -> None:
    """A thousand names from outside make one more row, not a thousand."""
    meters = Meters(frozenset({"shop"}), frozenset({"gpt-4o-mini"}))
    for number in range(1000):
        stranger = Team(f"team-{number}", "KEY", 10, 100, 1_000, semantic="off")
        meters.note(done(f"model-{number}", stranger), "answered", saved_nano_usd=0)
    meters.note(done(), "answered", saved_nano_usd=0)
    meters.note(done(None), "malformed", saved_nano_usd=0)
    assert {(key.team, key.model) for key in meters.rows} == {
        ("other", "other"), ("shop", "gpt-4o-mini"), ("shop", "none"),
    }  # fmt: skip
    assert sum(row.count for row in meters.rows.values()) == 1002


def test_a_clock_set_back_makes_no_negative_time() -> None:
    meters = Meters(frozenset({"shop"}), frozenset())
    assert meters.note(done(seconds=-60), "answered", saved_nano_usd=0) == 0.0
    (row,) = meters.rows.values()
    assert row.total.sum_s == row.own.sum_s == 0.0


@pytest.mark.parametrize("result", ["limited", "malformed", "failed", "frozen", "shed"])
def test_what_got_no_answer_is_counted_and_does_not_make_answers_look_quick(result: str) -> None:
    meters = Meters(frozenset({"shop"}), frozenset())
    for _ in range(99):
        meters.note(done(seconds=0), result, saved_nano_usd=0)
    meters.note(done(seconds=5), "answered", saved_nano_usd=0)
    ((_, row),) = meters.sums("team").items()
    assert row.count == 100
    assert (row.total.counts, row.own.counts) == ([0] * 11 + [1] + [0] * 4,) * 2


def test_sums_over_labels_hold_all_rows() -> None:
    meters = Meters(frozenset({"shop"}), frozenset({"a", "b"}))
    for model, seconds in (("a", 0.3), ("b", 0.3), ("b", 100.0)):
        meters.note(done(model, seconds=seconds), "answered", saved_nano_usd=5)
    ((labels, row),) = meters.sums("team").items()
    assert (labels, row.count, row.saved_nano_usd, row.input_tokens) == (("shop",), 3, 15, 9)
    assert dict(row.total.cumulative())["+Inf"] == 3
    assert dict(row.total.cumulative())[str(BOUNDS_S[-1])] == 2
    assert row.provider is None


def test_the_text_is_read_by_the_strict_parser_whatever_labels_hold() -> None:
    histogram = Histogram()
    for seconds in (0.001, 0.3, 500.0):
        histogram.note(seconds)
    odd = 'a "quoted\\name\nof two lines'
    text = exposition(
        families(),
        {
            "gateway_own_failures": [Sample((odd,), 3)],
            "gateway_own_seconds": [Sample(("chat",), histogram)],
            "gateway_spent_usd": [Sample(("shop", "chat", "gpt-4o"), 1e-9)],
        },
    )
    read = {family.name: family for family in text_string_to_metric_families(text)}
    assert set(read) == set(families())
    assert read["gateway_own_failures"].samples[0].labels == {"kind": odd}
    assert read["gateway_spent_usd"].samples[0].value == 1e-9
    assert [s.value for s in read["gateway_own_seconds"].samples if s.name.endswith("_count")] == [3]
    for name, family in families().items():
        assert read[name].type == family.type
        assert read[name].unit == family.unit


@pytest.mark.parametrize(
    "samples", [{"gateway_nobody_knows": [Sample((), 1)]}, {"gateway_requests": [Sample(("shop",), 1)]}]
)
def test_what_is_not_listed_or_has_other_labels_is_refused(samples: dict[str, list[Sample]]) -> None:
    with pytest.raises((KeyError, ValueError)):
        exposition(families(), samples)
