"""Costs: by whom and for what, what was saved, and where the month goes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from ops.monitor import costs, costs_show
from ops.monitor.costs import Costs
from ops.monitor.figures import Period
from ops.monitor.forecast import forecast
from ops.targets.base import Target
from tests.monitor.support import NOW, TEAMS, Gateway, Holding, Silent, counted_as, hour, traffic


def look(langfuse: Holding, gateway: Gateway, since: timedelta = timedelta(hours=48)) -> Costs:
    return costs.look(langfuse, cast(Target, gateway), list(TEAMS), Period.back(since, NOW), NOW, 125.0, 50.0)


def test_both_sources_know_who_spent_what() -> None:
    made = traffic()
    found = look(Holding(made), Gateway(counted_as(made)))
    assert found.gateway is not None
    assert found.langfuse is not None
    total = sum(each.total_cost or 0 for each in made)
    assert found.gateway.usd == pytest.approx(total)
    assert found.langfuse.usd == pytest.approx(total)
    assert found.gateway.models == pytest.approx({"gpt-4o-mini": total})
    assert found.langfuse.models == pytest.approx({"gpt-4o-mini": total})
    assert {day: usd for day, usd in found.gateway.days.items() if usd} == pytest.approx(dict(found.langfuse.days))
    assert found.unknown == found.disagreements == ()


def test_both_sources_are_in_the_json_document() -> None:
    made = traffic()
    told = json.loads(costs_show.as_json(look(Holding(made), Gateway(counted_as(made))), "local"))
    total = sum(each.total_cost or 0 for each in made)
    for source in ("gateway", "langfuse"):
        for parts in ("teams", "models", "routes", "days"):
            assert sum(told[source][parts].values()) == pytest.approx(told[source]["usd"]) == pytest.approx(total)


def test_what_belongs_to_no_request_stands_beside_the_models() -> None:
    named = {
        "miss": 1, "spent_nano_usd": 5_000_000, "usd:chat:gpt-4o": 3_000_000, "judge_nano_usd": 2_000_000,
        "embedding_nano_usd": 500_000, "saved:exact": 7_000_000, "saved:semantic": 1_000_000,
    }  # fmt: skip
    found = look(Silent([]), Gateway({"prod_ceo": {hour(NOW - timedelta(hours=1)): named}}))
    assert found.gateway is not None
    assert found.gateway.models == {"gpt-4o": 0.003, "judge and checks": 0.002}
    assert found.gateway.routes == {"chat": 0.003, "judge and checks": 0.002}
    assert found.saved == {"exact": 0.007, "semantic": 0.001, "alias": 0.0}
    assert found.aside == {"judge": 0.002, "embeddings": 0.0005, "checks": 0.0}
    assert found.langfuse is None


def test_what_cannot_be_seen_is_unknown() -> None:
    found = look(Silent([]), Gateway(None))
    told = json.loads(costs_show.as_json(found, "local"))
    assert [told[name] for name in ("gateway", "langfuse", "saved", "aside", "month")] == [None] * 5
    text = "\n".join(costs_show.lines(found))
    assert "spent                 unknown" in text
    assert "$0.00" not in text


def test_dollars_that_differ_are_said() -> None:
    made = traffic()
    found = look(Holding([each for each in made if each.metadata["team"] != "prod_ceo"]), Gateway(counted_as(made)))
    assert [line.split(":")[0] for line in found.disagreements] == ["prod_ceo"]


def test_the_forecast_is_what_was_spent_and_the_mean_of_a_day_for_the_days_left() -> None:
    now = datetime(2026, 11, 11, tzinfo=UTC)
    found = forecast({f"2026-11-{day:02}": 2.0 for day in range(1, 11)}, now)
    assert found.spent == 20
    assert found.expected == pytest.approx(20 + 20 * 2)
    assert found.low == found.high == found.expected


def test_the_range_grows_with_what_days_differ_by_and_holds_the_spent() -> None:
    now = datetime(2026, 11, 11, 12, tzinfo=UTC)
    days = {f"2026-11-{day:02}": 2.0 + day % 2 for day in range(1, 11)}
    found, wilder = forecast(days, now), forecast({day: 5 * (usd - 2.4) ** 2 for day, usd in days.items()}, now)
    assert found.low is not None
    assert found.expected is not None
    assert found.high is not None
    assert found.spent < found.low < found.expected < found.high
    assert wilder.low is not None
    assert wilder.high is not None
    assert wilder.low >= wilder.spent


def test_the_range_holds_in_nine_of_ten_months() -> None:
    import random

    source, now, held = random.Random(3), datetime(2026, 11, 11, tzinfo=UTC), 0
    for _ in range(1000):
        usd = [source.gauss(10, 2) for _ in range(30)]
        found = forecast({f"2026-11-{day + 1:02}": usd[day] for day in range(10)}, now)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= sum(usd) <= found.high
    assert 870 <= held <= 930


def test_too_few_days_give_no_range_and_none_gives_no_forecast() -> None:
    now = datetime(2026, 11, 3, 12, tzinfo=UTC)
    assert forecast({"2026-11-03": 1.0}, now).expected is None
    few = forecast({"2026-11-01": 1.0, "2026-11-02": 3.0, "2026-11-03": 1.0}, now)
    assert few.expected == pytest.approx(5 + 2 * 27.5)
    assert few.low is few.high is None


def test_days_of_the_month_before_tell_of_a_day_and_not_of_the_month() -> None:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    found = forecast({f"2026-10-{day}": 3.0 for day in range(20, 32)}, now)
    assert found.spent == 0
    assert found.expected == pytest.approx(90)
