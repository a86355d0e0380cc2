"""The kill switches of a deployment as reports name them, and who threw them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ops.checks.switches import thrown
from ops.targets.deployment import Deployment

UNKNOWN = "kill switches: unknown, since no gateway answers"


def told(deployment: Deployment) -> tuple[str, ...]:
    """A sentence for each switch that is thrown now, with the way back; says so where nobody can tell."""
    found = thrown(deployment)
    return (UNKNOWN,) if found is None else tuple(found.values())


def history(events: Iterable[Mapping[str, Any]], newest: int) -> list[str]:
    """The newest changes of switches in the journal's events, a line each, oldest first."""
    found = [
        f"{event['at']}  {event.get('command', '')}: {event.get('state', '')} ({event.get('who', 'unknown')})"
        + (f": {event['why']}" if event.get("why") else "")
        for event in events
        if event["event"] == "switch"
    ]
    return found[-newest:]
