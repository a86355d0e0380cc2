"""What the tests of the gateway share: a client with a team's key, texts never asked before, answers described."""

from __future__ import annotations

import uuid

from ops.services.gateway import Answer, Gateway
from ops.targets.deployment import Deployment


def caller(deployment: Deployment, key: str) -> Gateway:
    """A caller with the key of that name in the vault."""
    return Gateway(deployment.target.endpoints(), deployment.vault.get(key))


def unique() -> str:
    """A word no cache has seen."""
    return uuid.uuid4().hex


def told(answer: Answer) -> str:
    """An answer in a few words: status, cache, error."""
    return f"{answer.status} {answer.cache} {answer.error}".strip()
