"""What the stack's own limits say about traffic."""

from __future__ import annotations

import tomllib

from tests.integration.gateway.harness import ROOT


def requests_a_minute() -> int:
    """What all teams of `ops/stack.toml` together may ask in a minute."""
    teams = tomllib.loads((ROOT / "ops" / "stack.toml").read_text())["teams"]
    return sum(int(teams[team.get("mirrors", name)]["rpm"]) for name, team in teams.items())


def traces_an_hour() -> int:
    """How many traces an hour at these limits makes."""
    return 60 * requests_a_minute()
