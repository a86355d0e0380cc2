"""A whole deploy to the simulated account, killed at its acts and at every kind of write: run again, it converges.

No secret changes, no report is lost, none is sent twice. `CRASH_MATRIX=all` dies at every point of a first deploy,
each in an account of its own, and `CRASH_FLY` (40) times at random ones, up to three times in an account; `CRASH_SEED`
(1) chooses those. `CRASH_PART=2/3` is the second third of it.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ops.phases.table import all_steps
from tests.integration.checkout import ROOT
from tests.integration.fly.test_command_line import Operator, operator
from tests.reports.listening import Repository
from tests.targets.fly.support import CLICKHOUSE, GATEWAY, MINIO, Site, described

__all__ = ["operator"]

ALL = os.environ.get("CRASH_MATRIX") == "all"
SEED = int(os.environ.get("CRASH_SEED", "1"))
CHAINS = int(os.environ.get("CRASH_FLY", "40")) // 2 if ALL else 1
PART, OF = (int(word) for word in os.environ.get("CRASH_PART", "1/1").split("/"))
FARTHEST = 330  # points that a whole deploy always passes, about
GROUPS = ["app", "app", "edge", "edge", "gateway", "gateway", "ui", "ui", "worker"]
PHASES = ("Phase 1 ", "Phase 2 ", "Phase 3 ")


class Crashing:
    """An operator whose runs die, and the repository that hears of them."""

    def __init__(self, operator: Operator, shop: Repository) -> None:
        self.operator, self.shop = operator, shop
        self.secrets: dict[str, str] = {}

    @property
    def environ(self) -> dict[str, str]:
        return {**self.operator.environ, **self.shop.environ}

    def deploy(self, place: Site, at: int = 0) -> tuple[int, list[str], str]:
        """Deploy, and die at this point: the exit code, the points that were passed, what was said."""
        checkout, log = self.operator.checkout, self.shop.folder / "points"
        log.unlink(missing_ok=True)
        done = subprocess.run(
            [sys.executable, "-S", str(ROOT / "tests" / "crash.py"), str(at), str(log),
             str(checkout.root / "tasks.py"), "deploy.all", "--target", "fly", "--yes"],
            cwd=checkout.root, env=checkout.environment(**self.environ), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
        now = self.vault(place)
        changed = {name for name, value in self.secrets.items() if now.get(name) != value}
        assert not changed, f"killed at {at}: {changed} changed"
        self.secrets = now
        return done.returncode, log.read_text().splitlines(), done.stdout + done.stderr

    def assert_converged(self, place: Site, why: str) -> None:
        """Nothing is left to do, nothing is there twice, every report has arrived once."""
        place.sim.forget_calls()
        heard = self.shop.calls
        code, points, said = self.deploy(place)
        assert code == 0, f"{why}\n{said}"
        assert not [point for point in points if "the act of" in point], why
        assert place.sim.mutations == 0, why
        there = described(place.sim)
        groups = sorted(group for app in there["apps"].values() for group, _ in app["machines"])
        assert groups == GROUPS, why
        assert [len(there["apps"][name]["volumes"]) for name in (GATEWAY, CLICKHOUSE, MINIO)] == [0, 1, 1], why
        assert len(there["redis"]) == 1, why
        assert self.shop.calls == heard, f"{why}: told of nothing new"
        ids = [call.id for call in heard]
        assert len(ids) == len(set(ids)), f"{why}: sent twice: {heard}"
        told = [call.said[3] for call in heard]
        waiting = self.operator.inv("progress.show", "--target", "fly", **self.environ).stdout
        assert waiting.startswith("0 not delivered"), f"{why}: {waiting}"
        for phase in PHASES:
            assert [text for text in told if text.startswith(phase) and " complete: " in text], (
                f"{why}: {phase}: {told}"
            )
        for step in all_steps(place.deployment()).values():
            if step.phase in (1, 2, 3) and step.number != "0.1":
                assert any(f"{step.number} {step.name}" in text for text in told), f"{why}: {step.key} is lost: {told}"

    def vault(self, place: Site) -> dict[str, str]:
        """Every secret's value, by name."""
        file = self.operator.checkout.root / place.deployment().stack.stack.vault
        return {name: kept["value"] for name, kept in json.loads(file.read_text())["secrets"].items()}


def lives() -> list[tuple[int, ...]]:
    """The points at which one operator's runs die, one after the other, for each account."""
    made = []
    for chain in range(CHAINS):
        chance = random.Random(SEED * 1000 + chain)
        deaths = chance.randint(1, 3) if ALL else 2
        made.append(tuple(chance.randint(1, FARTHEST) for _ in range(deaths)))
    every = [(point,) for point in range(1, FARTHEST + 1)] if ALL else []
    return [*made, *every][PART - 1 :: OF]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("points", lives(), ids=str)
def test_a_deploy_killed_again_and_again_converges(
    points: tuple[int, ...], place: Site, operator: Operator, tmp_path: Path
) -> None:
    crashing = Crashing(operator, Repository(tmp_path / "shop"))
    died: list[str] = []
    for point in points:
        code, passed, said = crashing.deploy(place, point)
        assert code in (0, -signal.SIGKILL), (died, said)
        died += [f"{len(passed)}: {passed[-1]}"] if code else []
    why = f"seed {SEED}: {died}"
    assert died, f"{why}: {points}, and a deploy passes {len(passed)}"
    code, _, said = crashing.deploy(place)
    assert code == 0, f"{why}\n{said}"
    crashing.assert_converged(place, why)
