"""Recorded processes are found again, never mistaken for others, and ended for good."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.runbook.interrupt import wait_until
from ops.targets.local import processes

STUBBORN = """
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
child.wait()
"""


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen(["/bin/sleep", "60"], start_new_session=True, text=True)
    yield child
    child.kill()
    child.wait()


@pytest.fixture
def stubborn() -> Iterator[subprocess.Popen[str]]:
    """Ignores SIGTERM, and has a child in its group."""
    child = subprocess.Popen(
        [sys.executable, "-c", STUBBORN], start_new_session=True, text=True, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.readline()
    yield child
    child.kill()
    child.wait()


def test_a_recorded_process_is_alive_until_it_ends(tmp_path: Path, sleeper: subprocess.Popen[str]) -> None:
    file = tmp_path / "sleeper"
    processes.record(file, sleeper.pid)
    assert processes.alive(file) == sleeper.pid
    sleeper.kill()
    sleeper.wait()
    assert processes.alive(file) == 0


def test_a_process_that_has_ended_but_was_not_asked_how_is_not_alive(
    tmp_path: Path, sleeper: subprocess.Popen[str]
) -> None:
    file = tmp_path / "sleeper"
    processes.record(file, sleeper.pid)
    sleeper.kill()
    # Waits without asking: it stays a zombie.
    wait_until(lambda: not processes.group_alive(sleeper.pid), what="its end", timeout=5, every=0.01)
    assert processes.alive(file) == 0


def test_another_process_of_the_same_number_is_not_taken_for_it(tmp_path: Path, sleeper: subprocess.Popen[str]) -> None:
    file = tmp_path / "sleeper"
    file.write_text(f"{sleeper.pid} an-earlier-boot:123\n")
    assert processes.alive(file) == 0
    assert processes.stop(file) is False
    assert sleeper.poll() is None


def test_stopping_takes_the_record_away(tmp_path: Path, sleeper: subprocess.Popen[str]) -> None:
    file = tmp_path / "sleeper"
    processes.record(file, sleeper.pid)
    assert processes.stop(file, signal.SIGTERM, grace=5) is True
    assert not file.exists()
    assert sleeper.wait(5) == -signal.SIGTERM


def test_one_that_ignores_the_signal_is_killed_with_its_children(
    tmp_path: Path, stubborn: subprocess.Popen[str]
) -> None:
    file = tmp_path / "stubborn"
    processes.record(file, stubborn.pid)
    assert processes.stop(file, signal.SIGTERM, grace=0.3) is True
    assert not processes.group_alive(stubborn.pid)


@pytest.mark.parametrize("text", ["", "\n", "abc def\n", "123\n"])
def test_a_broken_record_stands_for_nobody(tmp_path: Path, text: str) -> None:
    (tmp_path / "broken").write_text(text)
    assert processes.alive(tmp_path / "broken") == 0
