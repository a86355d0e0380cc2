"""The lock: one run at a time, told who holds it, never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ops.runbook import lock
from ops.runbook.errors import RunbookError

ROOT = Path(__file__).resolve().parents[2]
HOLDER = """
import sys, time
from pathlib import Path
from ops.runbook import lock
with lock.held(Path(sys.argv[1]), "inv deploy.all"):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "lock"


def holder(file: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(file)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_run_is_refused_and_told_who_is_at_work(file: Path) -> None:
    process = holder(file)
    try:
        with pytest.raises(RunbookError) as caught, lock.held(file, "inv plan"):
            pass
        assert caught.value.code == "LOCK-001"
        assert "inv deploy.all" in caught.value.what
        assert str(process.pid) in caught.value.what
    finally:
        process.kill()
        process.wait()


def test_a_killed_run_leaves_no_lock_behind(file: Path) -> None:
    process = holder(file)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with lock.held(file, "inv deploy.all"):
        pass


def test_it_is_free_again_after_an_error(file: Path) -> None:
    with pytest.raises(ValueError, match="x"), lock.held(file, "a"):
        raise ValueError("x")
    with lock.held(file, "b"):
        pass


def test_another_run_is_waited_for_and_named_meanwhile(file: Path) -> None:
    process = holder(file)
    said: list[str] = []

    def heard(text: str) -> None:
        said.append(text)
        process.kill()

    with lock.held(file, "inv plan", wait=heard):
        assert process.wait() == -signal.SIGKILL
    assert len(said) == 1
    assert said[0].startswith("waiting for another run: inv deploy.all by ")
