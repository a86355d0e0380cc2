"""The success metrics: right, from two sources, and unknown where neither can tell."""

from __future__ import annotations

import json
from datetime import timedelta
from statistics import quantiles
from typing import Any

import pytest

from ops.monitor import page, show
from ops.monitor.figures import Period
from ops.monitor.report import Metric, Report
from tests.monitor.support import (
    GOALS,
    NOW,
    PRODUCTION,
    Gateway,
    Holding,
    Silent,
    counted_as,
    hour,
    look,
    observation,
    traffic,
    unanswered,
)


def value(report: Report, name: str, team: str = "") -> Metric:
    return next(metric for metric in report.metrics[team] if metric.name == name)


@pytest.fixture
def both() -> Report:
    made = traffic()
    return look(Holding(made), Gateway(counted_as(made)))


def test_each_metric_is_what_the_requests_say(both: Report) -> None:
    made = [each for each in traffic() if each.metadata["team"] in PRODUCTION]
    answers = [each for each in made if each.level == "DEFAULT"]
    hits = [each for each in answers if each.metadata["cache_hit"] == "true"]
    took = [each.latency_s or 0 for each in answers if each not in hits]
    assert value(both, "cache hit rate").value == pytest.approx(len(hits) / len(answers))
    assert value(both, "errors").value == pytest.approx(1 / (len(answers) + 1))
    assert value(both, "P95").value == pytest.approx(quantiles(took, n=20, method="inclusive")[18], rel=1e-3)
    assert value(both, "over a limit").value == 0
    assert value(both, "over a limit", "probe").value == 1
    assert value(both, "over a limit", "probe").met is False
    assert both.unknown == both.disagreements == ()


def test_dollars_a_day_are_those_of_the_dearest_day(both: Report) -> None:
    days: dict[str, float] = {}
    for each in traffic():
        if each.metadata["team"] in PRODUCTION:
            days[f"{each.start_time:%Y-%m-%d}"] = days.get(f"{each.start_time:%Y-%m-%d}", 0) + (each.total_cost or 0)
    assert value(both, "dollars a day").value == pytest.approx(max(days.values()))


def test_the_gateways_counts_alone_give_the_same_but_for_the_latencys_class() -> None:
    made = traffic()
    both, alone = look(Holding(made), Gateway(counted_as(made))), look(Silent([]), Gateway(counted_as(made)))
    for name in ("cache hit rate", "errors", "dollars a day", "over a limit"):
        assert value(alone, name).value == pytest.approx(value(both, name).value)
    assert value(alone, "P95").shown == "2 to 4 s"
    assert value(alone, "P95").met is False
    assert alone.unknown == ("traces: it does not answer",)


def test_what_nobody_can_tell_is_unknown_and_not_zero() -> None:
    report = look(Silent([]), Gateway(None))
    for metric in report.whole:
        assert (metric.value, metric.shown, metric.met) == (None, "unknown", None), metric
    told = json.loads(show.as_json(report, "local"))
    assert told["figures"] is told["hours"] is told["source"] is None
    assert told["teams"]["prod_ceo"]["figures"] is None
    text = "\n".join(show.lines(report, GOALS))
    assert "0%" not in text.replace("30%", "")
    assert "unknown: traces: it does not answer" in text


def test_no_request_is_no_rate_but_no_cost_either() -> None:
    report = look(Holding([]), Gateway({}))
    assert [value(report, name).value for name in ("cache hit rate", "P95", "errors")] == [None] * 3
    assert value(report, "cache hit rate").reason == "no request"
    assert value(report, "dollars a day").value == 0


@pytest.mark.parametrize("lost", [1, 2])
def test_more_than_one_in_a_hundred_apart_is_said(lost: int) -> None:
    made = [observation(NOW - timedelta(minutes=n % 50 + 1), "prod_ceo") for n in range(100)]
    report = look(Holding(made[lost:]), Gateway(counted_as(made)))
    assert bool(report.disagreements) == (lost > 1)
    if lost > 1:
        assert report.disagreements[0] == "prod_ceo: the gateway counted 100 requests, Langfuse shows 98"


@pytest.mark.parametrize(
    ("delivery", "said"),
    [
        ({"failed": False, "begin_s": 10_800, "end_s": 21_600, "counted": 50, "shown": 48},
         ["Langfuse lacks 2 of 50 traces of 03:00 to 06:00 UTC"]),
        ({"failed": False, "begin_s": 10_800, "end_s": 21_600, "counted": 50, "shown": 50}, []),
        ({"failed": True, "why": "Langfuse answered 401"}, ["whether traces arrive: Langfuse answered 401"]),
        ({"failed": False, "why": "the first comparison is not made yet"}, []),
        (None, []),
    ],
)  # fmt: skip
def test_what_the_gateway_found_of_its_traces_is_said(delivery: dict[str, Any] | None, said: list[str]) -> None:
    gateway = Gateway({})
    gateway.delivery = delivery
    assert list(look(Holding([]), gateway).unknown) == said


def test_what_was_shed_has_no_trace_and_is_an_error_all_the_same() -> None:
    made = [observation(NOW - timedelta(minutes=n % 50 + 1), "prod_ceo") for n in range(97)]
    counts = counted_as(made)
    named = counts["prod_ceo"][hour(made[0].start_time)]
    named["shed"] = 3
    for langfuse in (Holding(made), Silent([])):
        report = look(langfuse, Gateway(counts))
        assert value(report, "errors").value == pytest.approx(0.03)
        assert value(report, "errors").met is False
        assert report.best is not None
        assert report.best.of("prod_ceo").requests == 97
        assert report.disagreements == ()
        assert any(line.split()[:2] == ["shed", "3"] for line in show.lines(report, GOALS))
        assert "3 requests were shed" in page.page(report, GOALS, "HotDash")
    assert value(look(Holding(made), Gateway(None)), "errors").value == 0


def test_refusals_are_on_neither_side_of_the_error_rate() -> None:
    """A client in a loop that its limit stops must not make failures look few."""
    at = NOW - timedelta(minutes=5)
    made = [observation(at, "prod_ceo"), unanswered(at, "prod_ceo", "ERROR", 502, "broken")]
    refused = [unanswered(at, "prod_ceo", "WARNING", 429, "limit reached") for _ in range(500)]
    assert value(look(Holding(made), Gateway(counted_as(made))), "errors").value == 0.5
    with_refusals = look(Holding(made + refused), Gateway(counted_as(made + refused)))
    assert value(with_refusals, "errors").value == 0.5
    alone = look(Holding(refused), Gateway(counted_as(refused)))
    assert (value(alone, "errors").shown, value(alone, "errors").reason) == ("-", "all were refused")


def test_traces_lost_and_waiting_are_said() -> None:
    report = look(Holding([]), Gateway({}, {"waiting": 3, "lost": 2}))
    assert report.unknown == (
        "traces lost on their way since this gateway started: 2",
        "traces on their way to Langfuse: 3; look again in a moment",
    )


def test_a_period_begins_with_a_whole_hour() -> None:
    period = Period.back(timedelta(hours=2), NOW)
    assert (period.begin.hour, period.begin.minute) == (18, 0)
    assert len(list(period.hours())) == 3


def test_more_rows_than_an_answer_holds_are_asked_for_in_halves() -> None:
    """A month by the hour, several kinds of rows in each: far more than 1000."""
    made = [
        observation(NOW - timedelta(hours=n, minutes=1), team, level=level, hit=None if level != "DEFAULT" else False)
        for n in range(600)
        for team in PRODUCTION
        for level in ("DEFAULT", "ERROR")
    ]
    report = look(Holding(made), Gateway(None), timedelta(days=30))
    assert report.traces is not None
    assert report.traces.of("prod_ceo").requests == 1200
    assert report.traces.of("prod_customer").errors == 600


def test_the_text_fits_eighty_columns(both: Report) -> None:
    lines = list(show.lines(both, GOALS))
    assert max(map(len, lines)) <= 80
    assert any("█" in line for line in lines)
    assert lines[-1] == "Langfuse and the gateway's own counts agree within 1%."
