"""What is read of a team's traffic, from traces like the gateway's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ops.cutover import traffic
from ops.cutover.traffic import Failures, Span, Traffic
from ops.runbook.errors import RunbookError
from tests.cutover.langfuse import Holding, observation, unanswered

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
HOUR = Span(NOON, NOON + timedelta(hours=1))
SHOP = "prod_customer"


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def test_every_figure_of_mixed_traffic() -> None:
    unknown = "the model 'gpt-4.1' does not exist here"
    found = traffic.read(
        Holding(
            [
                *(observation(at(minute), SHOP, seconds=minute) for minute in (1, 2, 3)),
                observation(at(4), SHOP, hit=True, seconds=0.01),
                observation(at(5), SHOP, model="gpt-4o", seconds=2),
                observation(at(6), SHOP, model="text-embedding-3-large", type="EMBEDDING", seconds=2),
                unanswered(at(7), SHOP, "WARNING", 404, unknown),
                unanswered(at(8), SHOP, "WARNING", 404, unknown),
                unanswered(at(9), SHOP, "WARNING", 429, "limit reached: 100 requests per minute"),
                unanswered(at(10), SHOP, "ERROR", 502, "the provider\n  broke off"),
            ]
        ),
        SHOP,
        HOUR,
    )
    assert found == Traffic(
        requests=10,
        failed=1,
        refused=2,
        limited=1,
        p50_s=2.0,
        p95_s=pytest.approx(2.8),  # type: ignore[arg-type]
        hits=1,
        misses=5,
        models={"gpt-4o-mini": 4, "gpt-4o": 1, "text-embedding-3-large": 1},
        failures=(
            Failures("404", unknown, 2),
            Failures("502", "the provider broke off", 1),
            Failures("429", "limit reached: 100 requests per minute", 1),
        ),
    )
    assert found.unanswered == pytest.approx(0.3)
    assert found.hit_rate == pytest.approx(1 / 6)


def test_an_answer_that_broke_off_is_no_measure_of_speed() -> None:
    broken = observation(at(2), SHOP, level="ERROR", status=502, reason="broke off", seconds=90)
    found = traffic.read(Holding([observation(at(1), SHOP, seconds=1), broken]), SHOP, HOUR)
    assert (found.requests, found.failed, found.misses, found.p95_s) == (2, 1, 1, 1.0)


def test_no_traffic_is_no_traffic_and_not_zero_percent() -> None:
    found = traffic.read(Holding([]), SHOP, HOUR)
    assert found == Traffic()
    assert (found.p95_s, found.hit_rate) == (None, None)


@pytest.mark.parametrize("team", ["prod_ceo", "prod_customer_2", "prod"])
def test_another_teams_requests_are_not_this_teams(team: str) -> None:
    assert traffic.read(Holding([observation(at(1), team)]), SHOP, HOUR).requests == 0


@pytest.mark.parametrize(("minutes", "counted"), [(-0.1, 0), (0, 1), (59.9, 1), (60, 0)])
def test_a_span_holds_its_beginning_and_not_its_end(minutes: float, counted: int) -> None:
    stored = Holding([unanswered(at(minutes), SHOP, "ERROR", 502, "broke off")])
    found = traffic.read(stored, SHOP, HOUR)
    assert (found.requests, sum(kind.count for kind in found.failures)) == (counted, counted)


def test_what_hangs_below_a_request_is_no_request() -> None:
    assert traffic.read(Holding([observation(at(1), SHOP, type="SPAN")]), SHOP, HOUR).requests == 0


def test_the_last_request_is_the_newest_of_the_team_whatever_became_of_it() -> None:
    stored = [
        observation(at(1), SHOP),
        unanswered(at(3), SHOP, "ERROR", 502, "broke off"),
        observation(at(2), SHOP),
        observation(at(9), "prod_ceo"),
    ]
    assert traffic.newest(Holding(stored), SHOP, HOUR).at == at(3)
    assert traffic.newest(Holding([]), SHOP, HOUR).at is None


@pytest.mark.parametrize("value", ["many", [], {}])
def test_a_figure_that_is_none_is_an_error_of_ours_and_no_traceback(value: Any) -> None:
    class Odd(Holding):
        def get(self, path: str, query: Any) -> Any:
            return {"data": [{"level": "DEFAULT", "count_count": value}]}

    with pytest.raises(RunbookError) as caught:
        traffic.read(Odd([]), SHOP, HOUR)
    assert caught.value.code == "LF-004"
