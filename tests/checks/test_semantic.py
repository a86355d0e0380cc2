"""4.3 as a whole: it is green for a judge that reads, and red for one that does not, whatever its draw."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from ops.checks.gateway import FURTHER_WORDINGS, OTHER_QUESTIONS, WORDINGS, semantic_cache
from ops.runbook.secret import Secret
from ops.runbook.step import Look
from ops.session.compose import compose
from ops.targets.deployment import Deployment
from tests.checks.scripted import Reply, Request, Script, serving

SEEDS = [str(seed) for seed in range(10)]


def looked(
    judge: str, *, tier: str = "semantic", seed: str = "1", thrown: dict[str, Any] | None = None, **overrides: str
) -> Look:
    """What 4.3 says of a gateway whose judge says yes to all, no to all, or reads; hits come from the tier.

    Args:
        thrown: its kill switches.
    """
    answers: dict[str, str] = {}

    def answer(request: Request) -> Reply:
        system, question = (message["content"] for message in request.body["messages"])
        right = judge == "yes" or (judge == "reads" and question not in OTHER_QUESTIONS)
        hit = system in answers and right
        text = answers.setdefault(system, question) if hit or system not in answers else question
        headers = {"x-gateway-cache": tier if hit else "miss", "x-gateway-similarity": "0.9000"}
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return Reply({"object": "chat.completion", "choices": [choice], "usage": {}}, headers=headers)

    with serving(Script(answer)) as endpoints:
        vault = SimpleNamespace(get=lambda name: Secret("sk-test"))
        target = SimpleNamespace(endpoints=lambda: endpoints, admin=lambda method, path: {"thrown": thrown or {}})
        stack, environ = compose("local", overrides).stack, {"RUNBOOK_SEED": seed}
        deployment: Any = SimpleNamespace(stack=stack, target=target, vault=vault, environ=environ)
        return semantic_cache(cast(Deployment, deployment))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_judge_that_reads_is_green_with_every_draw(seed: str) -> None:
    look = looked("reads", seed=seed)
    assert look.satisfied, look.evidence
    assert f"seed {seed}" in look.evidence


@pytest.mark.parametrize(("judge", "complaint"), [("yes", "must be a miss"), ("no", "expected semantic hits")])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_judge_that_does_not_read_is_red_with_every_draw(judge: str, complaint: str, seed: str) -> None:
    look = looked(judge, seed=seed)
    assert not look.satisfied
    assert complaint in look.evidence


OFF = {"since": 0, "why": "wrong answers"}


@pytest.mark.parametrize(("name", "says"), [("cache.semantic", True), ("cache.exact", False), ("team.admin", False)])
def test_a_tier_that_an_operator_has_switched_off_is_named_with_the_way_back(name: str, says: bool) -> None:
    look = looked("no", thrown={name: OFF})
    assert not look.satisfied
    why = "the semantic cache is off since 1970-01-01 00:00 UTC (wrong answers): inv cache.on --tier semantic"
    assert (look.evidence == why) is says, look.evidence


def test_an_answer_by_an_alias_does_not_pass() -> None:
    assert not looked("reads", tier="alias").satisfied


def test_it_is_not_skipped_while_the_cache_is_on() -> None:
    look = looked("reads", STACK__TEAMS__ADMIN__SEMANTIC="background")
    assert not look.satisfied
    assert "does not wait for its judge" in look.evidence


def test_the_draws_differ_and_are_none_of_the_others() -> None:
    drawn = {looked("reads", seed=seed).evidence.split('("')[1].split('"')[0] for seed in SEEDS}
    assert len(drawn) >= 4
    assert drawn <= set(FURTHER_WORDINGS)
    assert not set(FURTHER_WORDINGS) & {*WORDINGS, *OTHER_QUESTIONS}
