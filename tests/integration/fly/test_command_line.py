"""The same through `inv`, as an operator types it: exit codes, journal, what is printed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.integration.checkout import Checkout
from tests.targets.fly.support import GATEWAY, OPENAI_KEY, Site


class Operator:
    """A whole copy of the project, used by its command line against a simulated account."""

    def __init__(self, folder: Path, place: Site) -> None:
        self.checkout = Checkout(folder)
        self.environ = {name: value for name, value in place.environ.items() if name not in ("PATH", "RUNBOOK_STACK")}

    def inv(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.checkout.command(*words),
            cwd=self.checkout.root,
            env=self.checkout.environment(**{**self.environ, **more}),
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )


@pytest.fixture
def operator(place: Site, tmp_path: Path) -> Operator:
    made = Operator(tmp_path / "copy", place)
    if place.vault_seed:
        file = made.checkout.root / place.world().stack.stack.vault
        file.parent.mkdir(parents=True, mode=0o700)
        file.write_bytes(place.world().vault.path.read_bytes())
        file.chmod(0o600)
        file.parent.chmod(0o700)
        file.parent.parent.chmod(0o700)
    return made


def test_the_runbook_is_used_from_plan_to_destroy(place: Site, operator: Operator) -> None:
    planned = operator.inv("plan", "--target", "fly")
    assert planned.returncode == 2, planned.stdout + planned.stderr
    assert place.sim.mutations == 0

    dry = operator.inv("--dry", "deploy.all", "--target", "fly")
    assert dry.returncode == 0, dry.stdout + dry.stderr
    assert place.sim.mutations == 0

    done = operator.inv("deploy.all", "--target", "fly")
    assert done.returncode == 0, done.stdout + done.stderr
    journal = (operator.checkout.root / ".state" / "fly" / "journal.jsonl").read_text()
    assert "deploy.pooled" in journal
    for text in (journal, done.stdout, done.stderr):
        assert place.sim.token not in text
        assert OPENAI_KEY not in text

    assert operator.inv("plan", "--target", "fly").returncode == 0

    shown = operator.inv("deploy.status", "--target", "fly", "--json")
    assert shown.returncode == 0, shown.stderr
    machines = json.loads(shown.stdout)["machines"]
    assert len(machines) == 6
    assert {row["health"] for row in machines} == {"healthy"}

    local = operator.inv("deploy.status", "--target", "local")
    assert local.returncode == 1
    assert "FLY-051" in local.stderr

    place.sim.drift.stop_machine(GATEWAY, "edge")
    assert operator.inv("deploy.status", "--target", "fly").returncode == 1
    assert operator.inv("plan", "--target", "fly").returncode == 2

    refused = operator.inv("deploy.destroy", "--target", "fly")
    assert refused.returncode == 3
    assert "FLY-049" in refused.stderr
    assert place.sim.state.apps
    gone = operator.inv("deploy.destroy", "--name", GATEWAY, "--target", "fly")
    assert gone.returncode == 0, gone.stderr
    assert place.sim.state.apps == {}


def test_the_doctor_says_what_is_missing(place: Site, operator: Operator) -> None:
    well = operator.inv("doctor", "--target", "fly", "--json")
    assert well.returncode == 0, well.stdout + well.stderr
    ill = operator.inv("doctor", "--target", "fly", FLYCTL="/nowhere/flyctl", OPENAI_API_KEY="")
    assert ill.returncode == 1
    assert "MISSING" in ill.stdout
    assert "OPENAI_API_KEY" in ill.stdout
    assert place.sim.mutations == 0
