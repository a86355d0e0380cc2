"""A rehearsal's deploy killed at one of its writes, acts or starts of a program, again and again: it converges.

`CRASH_MATRIX=all` dies `CRASH_POINTS` (40) times; `CRASH_SEED` (1) chooses where. The cheap deploy of
`tests/runbook/test_crash_matrix.py` is killed at every point there is.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.integration.checkout import ROOT, Checkout

ALL = os.environ.get("CRASH_MATRIX") == "all"
SEED = int(os.environ.get("CRASH_SEED", "1"))
TIMES = int(os.environ.get("CRASH_POINTS", "40")) if ALL else 3
FARTHEST = 120  # points that a deploy passes before its servers run, about


@pytest.mark.timeout(3600 if ALL else 300)
def test_a_rehearsal_killed_at_any_point_converges(fresh: Callable[[], Checkout]) -> None:
    checkout, chance = fresh(), random.Random(SEED)
    log = checkout.root.parent / "points"
    secrets: dict[str, str] = {}
    died: list[str] = []
    for _ in range(TIMES):
        log.unlink(missing_ok=True)
        at = str(chance.randint(1, FARTHEST))
        done = subprocess.run(
            [sys.executable, "-S", str(ROOT / "tests" / "crash.py"), at, str(log), str(checkout.root / "tasks.py"),
             "deploy.all"],
            cwd=checkout.root, env=checkout.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=240, check=False,
        )  # fmt: skip
        died += [f"{at}: {log.read_text().splitlines()[-1]}"] if done.returncode == -signal.SIGKILL else []
        assert done.returncode in (0, -signal.SIGKILL), (died, done.stdout, done.stderr)
        changed = {name for name, value in secrets.items() if checkout.vault.get(name) != value}
        assert not changed, f"{died}: {changed} changed"
        secrets = {**secrets, **checkout.vault}
        if done.returncode == 0:
            checkout.inv("local.down", "--purge") if ALL else None
            secrets = checkout.vault
    assert died
    final = checkout.inv("deploy.all")
    assert final.returncode == 0, (died, final.stdout, final.stderr)
    assert checkout.json("plan")["exit_code"] == 0, died
    assert {name: checkout.vault[name] for name in secrets} == secrets
