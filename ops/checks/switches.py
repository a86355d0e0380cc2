"""The kill switches that are thrown at a deployment's gateways, in words: the first thing that explains a red test."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ops.runbook.advice import advice
from ops.runbook.errors import RunbookError
from ops.runbook.step import Look, missing
from ops.targets.deployment import Deployment

ROUTE = "/gateway/admin/switches"


def thrown(deployment: Deployment) -> dict[str, str] | None:
    """A sentence for each switch that is thrown now, with the way back, by its name; None where no gateway tells."""
    try:
        found = deployment.target.admin("GET", ROUTE)["thrown"]
    except (RunbookError, KeyError):
        return None
    return {name: advice(_sentence(name, about)) for name, about in found.items()}


def explained(look: Look, deployment: Deployment, tier: str) -> Look:
    """A test's answer; where it is red and an operator has switched that cache tier off, this is why."""
    if look.satisfied:
        return look
    switched = (thrown(deployment) or {}).get(f"cache.{tier}")
    return missing(switched) if switched else look


def _sentence(name: str, about: Mapping[str, Any]) -> str:
    kind, _, which = name.partition(".")
    since = datetime.fromtimestamp(int(about["since"]), UTC).strftime("%Y-%m-%d %H:%M UTC")
    why = f" ({about['why']})" if about.get("why") else ""
    if kind == "team":
        return f"team {which} is frozen since {since}{why}: inv teams.thaw --team {which}"
    return f"the {which} cache is off since {since}{why}: inv cache.on --tier {which}"
