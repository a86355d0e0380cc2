"""Killed before, inside and after every act and every write of a whole deploy: it converges when it is run again.

No secret changes, no report is lost, none is sent twice. `CRASH_MATRIX=all` dies once at every point there is, and then
in `CRASH_CHAINS` (100) seeded chains of crashes; otherwise a sample of both. `CRASH_SEED` (1) chooses.
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

from tests.reports.listening import Repository
from tests.runbook.small_production import MADE, STEPS, Production

ROOT = Path(__file__).resolve().parents[2]
CRASH, PROGRAM = ROOT / "tests" / "crash.py", Path(__file__).with_name("small_production.py")
ALL = os.environ.get("CRASH_MATRIX") == "all"
SEED = int(os.environ.get("CRASH_SEED", "1"))
CHAINS = int(os.environ.get("CRASH_CHAINS", "100")) if ALL else 2
SAMPLE = 5
PHASES = ("Phase 1 ", "Phase 2 ", "Phase 3 ")
COMPLETE = "complete-task.ts"


class Place:
    """One production, and who receives its reports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repository = Repository(folder / "repository")
        self.secrets: dict[str, str] = {}

    def deploy(self, at: int = 0) -> tuple[int, list[str]]:
        """Deploy, and die at this point; the exit code, and the points that were passed."""
        log = self.folder / "points"
        log.unlink(missing_ok=True)
        done = subprocess.run(
            [sys.executable, str(CRASH), str(at), str(log), str(PROGRAM), str(self.folder)],
            env={**os.environ, "CRASH_PATH": str(ROOT), "PATH": self.repository.path},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        now = Production(self.folder).values()
        assert {name: now.get(name) for name in self.secrets} == self.secrets, "a secret has changed"
        self.secrets = now
        return done.returncode, log.read_text().splitlines()

    def assert_converged(self, why: str) -> None:
        """Run to its end, then again; every report has arrived once."""
        code, _ = self.deploy()
        assert code == 0, why
        _, points = self.deploy()
        assert not [point for point in points if "the act of" in point], why
        assert set(self.secrets) == set(MADE)
        assert json.loads(Production(self.folder).handed.read_text()) == self.secrets
        calls = self.repository.calls
        ids = [call.id for call in calls]
        assert len(ids) == len(set(ids)), f"{why}: sent twice: {calls}"
        said = [call.said[3] for call in calls if call.script != COMPLETE]
        for phase in PHASES:
            told = [text for text in said if text.startswith(phase) and " complete: " in text]
            assert told, f"{why}: {phase}is lost: {said}"
        for step in STEPS:
            assert any(f"{step.number} {step.name}" in text for text in said), f"{why}: {step.key} is lost"
        assert [call.script for call in calls].count(COMPLETE) == 1, why
        assert calls[-1].script == COMPLETE, why


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The points of a whole deploy that nothing disturbs."""
    place = Place(tmp_path_factory.mktemp("whole"))
    code, passed = place.deploy()
    assert code == 0
    place.assert_converged("undisturbed")
    return passed


def test_the_points_are_before_inside_and_after_every_act_and_write(points: list[str]) -> None:
    for step in STEPS:
        assert {f"before the act of {step.key}", f"after the act of {step.key}"} <= set(points)
    for kind in ("a line", "a file is replaced", "a file is on disk", "a program starts"):
        assert f"before {kind}" in points
        assert f"after {kind}" in points
    assert "inside a line" in points


@pytest.mark.timeout(3600)
def test_killed_once_at_a_point_it_converges(points: list[str], tmp_path: Path) -> None:
    everywhere = range(1, len(points) + 1)
    chosen = list(everywhere) if ALL else sorted(random.Random(SEED).sample(everywhere, SAMPLE))
    for at in chosen:
        place = Place(tmp_path / str(at))
        _, passed = place.deploy(at)
        place.assert_converged(f"killed at {at}, {passed[-1]}")
    print(f"{len(chosen)} of {len(points)} points")


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("chain", range(CHAINS))
def test_killed_again_and_again_it_converges(chain: int, tmp_path: Path) -> None:
    chance = random.Random(SEED * 1000 + chain)
    place = Place(tmp_path / "place")
    died: list[str] = []
    for _ in range(chance.randint(3, 6)):
        code, passed = place.deploy(chance.randint(1, 60))
        died += [passed[-1]] if code else []
    place.assert_converged(f"seed {SEED}, chain {chain}: {died}")
