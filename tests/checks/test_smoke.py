"""4.1 as a whole: a gateway that lacks anything an agent needs is not green."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from ops.checks import abilities
from ops.checks.smoke import smoke
from ops.description.stack import Models
from ops.runbook.secret import Secret
from ops.runbook.step import Look
from ops.session.compose import compose
from ops.targets.deployment import Deployment
from tests.checks.scripted import Reply, Request, Script, serving
from tests.checks.test_abilities import completion, error, good, kind, models

__all__ = ["models"]

PLAIN = Reply(completion({"content": "Hello"}))


def looked(
    models: Models, replies: dict[str, Reply], replaced: dict[str, Secret] | None = None, **overrides: str
) -> Look:
    """What 4.1 says of a gateway that refuses as it should and answers so."""

    def answer(request: Request) -> Reply:
        if request.path == "/health":
            return error(404, "no such path")
        if not request.authorized:
            return error(401, "no key")
        if request.body == {}:
            return error(400, "no messages")
        if request.body["model"] not in (models.default, models.embedding):
            return error(404, "no such model")
        try:
            return replies[kind(request)]
        except StopIteration:
            return PLAIN

    with serving(Script(answer)) as endpoints:
        vault = SimpleNamespace(get=lambda name: Secret("sk-test"), replaced=lambda: replaced or {})
        target = SimpleNamespace(endpoints=lambda: endpoints)
        deployment: Any = SimpleNamespace(stack=compose("local", overrides).stack, target=target, vault=vault)
        return smoke(cast(Deployment, deployment))


def test_a_gateway_that_can_do_all_is_green_and_says_what_was_tried(models: Models) -> None:
    look = looked(models, good(models))
    assert look.satisfied, look.evidence
    assert all(name in look.evidence for name in abilities.ABILITIES)


@pytest.mark.parametrize("name", abilities.ABILITIES)
def test_a_gateway_that_lacks_one_is_not_green(models: Models, name: str) -> None:
    look = looked(models, {**good(models), name: error(502, "connection to the provider failed")})
    assert not look.satisfied
    assert look.evidence == f"{name}: expected 200, got 502 connection to the provider failed"


def test_what_a_stack_does_not_offer_is_told_and_not_tried(models: Models) -> None:
    paths = '["/v1/chat/completions", "/v1/responses"]'
    replies = {**good(models), "embedding": error(404, "Not Found")}
    look = looked(models, replies, STACK__EDGE__PATHS=paths)
    assert look.satisfied, look.evidence
    assert "Responses; not offered by this stack: embedding; " in look.evidence


def test_a_replaced_key_that_still_works_is_told(models: Models) -> None:
    assert "PROBE_KEY" in looked(models, good(models), {"PROBE_KEY": Secret("sk-old")}).evidence
