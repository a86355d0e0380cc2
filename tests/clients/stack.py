"""The rehearsal that the clients speak to: deployed by the runbook, reached through its edge over TLS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

from ops.description.paths import ROOT
from ops.description.read import read
from tests.integration.checkout import Checkout

STACK = read(ROOT / "ops" / "stack.toml", {})
TEAM = "prod_customer"
# Every client is of one team: its limits are out of the way. The other two have one that is soon reached.
LIMITS = {TEAM: 100_000, "prod_ceo": 2, "prod_background": 2}


class Rehearsal:
    """A deployed rehearsal, and what its provider was told to do and was asked.

    Attributes:
        route: what the clients call and where that is, as `HOST:PORT=ADDRESS:PORT`.
        ca: the certificate of the edge's own authority.
    """

    def __init__(self, folder: Path) -> None:
        self.checkout = Checkout(folder)
        out_of_the_way = {"TPM": "1000000000", "DAILY_USD": "100000"}
        settings = {(team, name): value for team in LIMITS for name, value in out_of_the_way.items()}
        settings |= {(team, "RPM"): str(rpm) for team, rpm in LIMITS.items()}
        # Asks the provider on its own account, with the client's question, and would use up what is arranged for that.
        settings |= {(team, "SEMANTIC"): "off" for team in LIMITS}
        lines = [f"STACK__TEAMS__{team.upper()}__{name}={value}\n" for (team, name), value in settings.items()]
        (folder / ".env").write_text("".join(lines))

    def deploy(self) -> None:
        """Bring it up. Raises AssertionError with what the runbook said when it does not come."""
        done = self.checkout.inv("deploy.all")
        assert done.returncode == 0, done.stdout + done.stderr
        endpoints = self.checkout.json("status")["endpoints"]
        self.route = f"{STACK.domains.gateway}:443={endpoints['connect']}"
        self.ca = endpoints["ca"]
        ports = json.loads((self.checkout.state / "ports.json").read_text())
        self._control = f"http://127.0.0.1:{ports['openai']}/_control"

    def key(self, team: str = TEAM) -> str:
        """A team's gateway key."""
        return self.checkout.vault[STACK.teams[team].key]

    def arrange(self, *faults: dict[str, Any]) -> None:
        """Have the provider misbehave."""
        httpx.post(f"{self._control}/faults", json=list(faults), timeout=10).raise_for_status()

    def asked(self, marker: str) -> list[dict[str, Any]]:
        """The requests that reached the provider with this marker in their question, oldest first: path and body."""
        which = {"contains": marker, "limit": 0}
        told = httpx.get(f"{self._control}/requests", params=which, timeout=10).raise_for_status().json()
        assert not told["forgotten"], "the provider has forgotten requests: its record is too small for these tests"
        return list(told["requests"])
