"""Headers made from what happened."""

from __future__ import annotations

import re

from llm_gateway.config import Team
from llm_gateway.limits.limiter import Remaining
from llm_gateway.limits.pricing import Spend
from llm_gateway.outcome import Outcome, limit_headers

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


def test_every_answer_has_a_request_id_and_the_time_it_took() -> None:
    """G19."""
    outcome = Outcome(TEAM)
    headers = outcome.headers()
    assert headers["x-request-id"] == f"req_{outcome.id}"
    assert int(headers["openai-processing-ms"]) >= 0


def test_the_providers_own_request_id_and_time_come_first() -> None:
    """G19."""
    outcome = Outcome(TEAM, provider_headers={"x-request-id": "req_theirs", "openai-processing-ms": "412"})
    headers = outcome.headers()
    assert (headers["x-request-id"], headers["openai-processing-ms"]) == ("req_theirs", "412")
    assert headers["x-gateway-request-id"] == outcome.id


def test_a_limit_says_when_it_is_free_again() -> None:
    """G19: whatever was used within the window is free again a window later, dollars at midnight UTC."""
    used = limit_headers(TEAM, Remaining(99, 200_000, 49_000_000_000))
    assert (used["x-ratelimit-reset-requests"], used["x-ratelimit-reset-tokens"]) == ("1m0s", "0s")
    assert re.fullmatch(r"(\d+h)?(\d+m)?\d+s", used["x-ratelimit-reset-usd"])
    assert limit_headers(TEAM, Remaining(100, 1, 50_000_000_000))["x-ratelimit-reset-usd"] == "0s"


def test_the_total_is_the_answer_what_finding_it_cost_and_what_attempts_without_an_answer_may_be_billed() -> None:
    outcome = Outcome(TEAM, spend=Spend(5, 10), overhead=Spend(1, 2), unsettled=Spend(100, 200))
    assert outcome.total == Spend(106, 212)


def test_every_request_has_an_id_that_can_be_a_trace_id() -> None:
    ids = {Outcome(TEAM).id for _ in range(100)}
    assert len(ids) == 100
    assert all(len(one) == 32 and int(one, 16) for one in ids)
