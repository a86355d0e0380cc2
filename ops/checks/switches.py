"""The kill switches that are thrown at a deployment's gateways, in words; a test that fails for one says so."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from ops.runbook.advice import advice
from ops.runbook.errors import RunbookError
from ops.runbook.step import Look, State, missing
from ops.targets.deployment import Deployment

ROUTE = "/gateway/admin/switches"
Check = Callable[[Deployment], Look]


def sentence(name: str, about: Mapping[str, Any]) -> str:
    """What is switched off, since when and why, and the command that switches it on."""
    kind, _, which = name.partition(".")
    since = datetime.fromtimestamp(int(about["since"]), UTC).strftime("%Y-%m-%d %H:%M UTC")
    why = f" ({about['why']})" if about.get("why") else ""
    if kind == "team":
        return f"team {which} is frozen since {since}{why}: inv teams.thaw --team {which}"
    return f"the {which} cache is off since {since}{why}: inv cache.on --tier {which}"


def heeding(tier: str) -> Callable[[Check], Check]:
    """Decorate a test of a cache tier: where it fails while an operator has the tier off, that is what it says.

    The gateway is asked only after a failure, so that a test that passes costs nothing more.
    """

    def decorate(check: Check) -> Check:
        @functools.wraps(check)
        def look(deployment: Deployment) -> Look:
            found = check(deployment)
            if found.state is not State.MISSING:
                return found
            try:
                thrown = deployment.target.admin("GET", ROUTE)["thrown"]
            except (RunbookError, KeyError):
                return found
            name = f"cache.{tier}"
            return missing(advice(sentence(name, thrown[name]))) if name in thrown else found

        return look

    return decorate
