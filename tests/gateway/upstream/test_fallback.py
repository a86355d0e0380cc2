"""Escalation and fallback as rules."""

from __future__ import annotations

import asyncio

import pytest
from llm_gateway.config import Escalation
from llm_gateway.upstream.escalation import choose
from llm_gateway.upstream.fallback import RETRYABLE, Answered, UpstreamError, ask

RULE = Escalation("big", 2000)


@pytest.mark.parametrize(("tokens", "model"), [(0, "mini"), (2000, "mini"), (2001, "big")])
def test_only_more_than_the_limit_escalates(tokens: int, model: str) -> None:
    choice = choose("mini", input_tokens=tokens, rule=RULE)
    assert (choice.model, choice.escalated) == (model, model == "big")


def test_who_asks_for_the_big_model_is_not_escalated() -> None:
    assert not choose("big", input_tokens=9999, rule=RULE).escalated
    assert choose("mini", input_tokens=9999, rule=None).model == "mini"


class Models:
    """Answers, or fails with the status given per model; remembers who was asked."""

    def __init__(self, **statuses: int) -> None:
        self.statuses, self.asked = statuses, list[str]()

    async def __call__(self, model: str) -> str:
        self.asked.append(model)
        if model in self.statuses:
            raise UpstreamError(self.statuses[model], f"{model} failed")
        return f"{model} says hello"


def run(models: Models, fallback: str | None = "big") -> Answered[str]:
    return asyncio.run(ask("mini", fallback, models))


@pytest.mark.parametrize("status", sorted(RETRYABLE))
def test_a_failure_that_is_not_the_clients_is_asked_elsewhere_once(status: int) -> None:
    models = Models(mini=status)
    answered = run(models)
    assert (answered.value, answered.model) == ("big says hello", "big")
    assert answered.after is not None
    assert models.asked == ["mini", "big"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 415, 422])
def test_the_clients_own_failure_is_final(status: int) -> None:
    models = Models(mini=status)
    with pytest.raises(UpstreamError, match="mini failed"):
        run(models)
    assert models.asked == ["mini"]


def test_when_both_fail_the_last_error_counts() -> None:
    with pytest.raises(UpstreamError, match="big failed"):
        run(Models(mini=500, big=503))


@pytest.mark.parametrize("fallback", [None, "mini"])
def test_without_another_model_nobody_else_is_asked(fallback: str | None) -> None:
    models = Models(mini=500)
    with pytest.raises(UpstreamError):
        run(models, fallback)
    assert models.asked == ["mini"]
