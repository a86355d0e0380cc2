"""Steps whose look and act are a part of the target: the step is written once, each target implements the part."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ops.runbook.step import Look, Retry, Say

if TYPE_CHECKING:
    from ops.targets.base import Part
    from ops.targets.deployment import Deployment

# The other side had trouble or did not answer. A try begins with a look, so nothing is repeated blindly.
PASSES = Retry(("FLY-026", "FLY-030", "PG-024", "PG-032"), times=1, pause_s=2.0)


def look(name: str) -> Callable[[Deployment], Look]:
    """The look of the target's part of that name."""
    return lambda deployment: _part(deployment, name).look(deployment)


def act(name: str) -> Callable[[Deployment, Say], None]:
    """The act of the target's part of that name."""
    return lambda deployment, say: _part(deployment, name).act(deployment, say)


def _part(deployment: Deployment, name: str) -> Part:
    part: Part = getattr(deployment.target, name)
    return part
