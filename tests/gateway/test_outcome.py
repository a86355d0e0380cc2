"""Headers made from what happened."""

from __future__ import annotations

from llm_gateway.config import Team
from llm_gateway.limits.limiter import Remaining
from llm_gateway.limits.pricing import Spend
from llm_gateway.outcome import Outcome

TEAM = Team("shop", "SHOP_KEY", 100, 200_000, 50_000_000_000)


def test_the_headers_say_who_answered_how_and_what_is_left() -> None:
    outcome = Outcome(TEAM, model="big", tier="miss", escalated=True, remaining=Remaining(99, 1_500, 1_234_567_890))
    headers = outcome.headers()
    assert headers["x-gateway-model"] == "big"
    assert (headers["x-gateway-cache"], headers["x-gateway-escalated"], headers["x-gateway-fallback"]) == (
        "miss", "true", "false",
    )  # fmt: skip
    assert (headers["x-ratelimit-limit-requests"], headers["x-ratelimit-remaining-requests"]) == ("100", "99")
    assert (headers["x-ratelimit-limit-tokens"], headers["x-ratelimit-remaining-tokens"]) == ("200000", "1500")
    assert (headers["x-ratelimit-limit-usd"], headers["x-ratelimit-remaining-usd"]) == ("50.000000", "1.234568")
    assert "x-gateway-similarity" not in headers


def test_a_refused_request_names_no_model_that_answered() -> None:
    assert "x-gateway-model" not in Outcome(TEAM, model="mini", status=429).headers()


def test_dropped_fields_cannot_smuggle_a_header() -> None:
    ignored = ("plain", "with\r\nSet-Cookie: a", "ünicode", "a,b", "x" * 100)
    assert Outcome(TEAM, ignored=ignored).headers()["x-gateway-ignored"] == "plain"


def test_the_total_is_the_answer_and_what_finding_it_cost() -> None:
    assert Outcome(TEAM, spend=Spend(5, 10), overhead=Spend(1, 2)).total == Spend(6, 12)


def test_every_request_has_an_id_that_can_be_a_trace_id() -> None:
    ids = {Outcome(TEAM).id for _ in range(100)}
    assert len(ids) == 100
    assert all(len(one) == 32 and int(one, 16) for one in ids)
