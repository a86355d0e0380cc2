"""4.2 and 4.3 while an operator has a tier of the cache off: they say so, and the command that switches it on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from ops.checks.gateway import exact_cache, semantic_cache
from ops.runbook.errors import RunbookError
from ops.runbook.secret import Secret
from ops.runbook.step import Look, State
from ops.session.compose import compose
from ops.targets.deployment import Deployment
from tests.checks.scripted import Reply, Request, Script, serving

CHECKS = {"exact": exact_cache, "semantic": semantic_cache}
THROWN = {"since": 1_790_000_000, "why": "odd answers"}


def looked(tier: str, thrown: dict[str, Any] | RunbookError) -> Look:
    """What the test of a tier says of a gateway that caches nothing, and has these switches thrown."""

    def answer(request: Request) -> Reply:
        message = {"role": "assistant", "content": "yes"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        headers = {"x-gateway-cache": "miss"}
        return Reply({"object": "chat.completion", "choices": [choice], "usage": {}}, headers=headers)

    def admin(method: str, path: str) -> dict[str, Any]:
        assert (method, path) == ("GET", "/gateway/admin/switches")
        if isinstance(thrown, RunbookError):
            raise thrown
        return {"thrown": thrown}

    with serving(Script(answer)) as endpoints:
        vault = SimpleNamespace(get=lambda name: Secret("sk-test"))
        target = SimpleNamespace(endpoints=lambda: endpoints, admin=admin)
        stack = compose("local", {}).stack
        world: Any = SimpleNamespace(stack=stack, target=target, vault=vault, environ={})
        return CHECKS[tier](cast(Deployment, world))


@pytest.mark.parametrize("tier", CHECKS)
def test_a_tier_that_is_off_is_said_in_one_sentence_with_the_way_back(tier: str) -> None:
    look = looked(tier, {f"cache.{tier}": THROWN})
    assert look.state is State.MISSING
    since = "2026-09-21 14:13 UTC (odd answers)"
    assert look.evidence == f"the {tier} cache is off since {since}: inv cache.on --tier {tier}"


@pytest.mark.parametrize("tier", CHECKS)
@pytest.mark.parametrize("other", [{}, {"team.admin": THROWN}, RunbookError("GW-001", "no gateway answers", next="x")])
def test_a_failure_that_no_switch_explains_keeps_its_own_words(tier: str, other: Any) -> None:
    look = looked(tier, other)
    assert look.state is State.MISSING
    assert "expected" in look.evidence
    assert "cache.on" not in look.evidence
