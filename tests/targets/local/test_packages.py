"""What a rehearsal adds is installed on first use, is whole or not there, and says what stands in its way."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ops.description.environments import Environment
from ops.description.paths import ROOT
from ops.runbook.errors import RunbookError
from ops.runbook.step import State
from ops.targets.deployment import Deployment
from ops.targets.local import tools
from ops.targets.local.packages import Packages
from tests.targets.local import support

ABSENT = "there-is-none==1.0 --hash=sha256:" + "0" * 64 + "\n"


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return support.deployment(tmp_path / "deployment")


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Packages:
    """As on a machine with Python alone and no way to a registry; the lock asks for nothing."""
    monkeypatch.setattr(tools, "has_all", lambda: False)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("PIP_RETRIES", "0")
    root = tmp_path / "a checkout"
    (root / "ops").mkdir(parents=True)
    shutil.copy(ROOT / "ops" / "bootstrap.sh", root / "ops")
    (root / "tasks.py").write_text("")
    lock = root / "requirements.lock"
    lock.write_text("")
    os.utime(lock, (0, 0))
    return Packages(Environment(root / ".venv-rehearsal", lock, root))


def test_they_are_installed_once_and_say_so(deployment: Deployment, packages: Packages) -> None:
    """What a killed run has left is not built upon; a changed lock is noticed."""
    assert packages.look(deployment).state is State.MISSING
    half_made = packages.environment.folder / "lib" / "half-made"
    half_made.mkdir(parents=True)
    assert packages.look(deployment).state is State.MISSING
    said: list[str] = []
    packages.act(deployment, said.append)
    assert packages.look(deployment).satisfied
    assert not half_made.exists()
    assert any("installing the packages of requirements.lock" in line for line in said)
    stamp = packages.environment.stamp.stat().st_mtime_ns
    packages.act(deployment, said.append)
    assert packages.environment.stamp.stat().st_mtime_ns == stamp
    later = packages.environment.stamp.stat().st_mtime + 1
    os.utime(packages.environment.lock, (later, later))
    assert packages.look(deployment).state is State.DRIFTED


def test_without_a_registry_one_sentence_says_so(deployment: Deployment, packages: Packages) -> None:
    packages.environment.lock.write_text(ABSENT)
    with pytest.raises(RunbookError) as caught:
        packages.act(deployment, support.quiet)
    assert (caught.value.code, caught.value.what) == (
        "LOCAL-010",
        "the rehearsal's packages could not be installed",
    )
    assert "there-is-none" in caught.value.why
    assert "Traceback" not in caught.value.why
    assert packages.look(deployment).state is State.MISSING


def test_what_a_killed_run_left_running_is_waited_for(deployment: Deployment, packages: Packages) -> None:
    """An installer that lives on would write into the environment that is made anew."""
    environment = packages.environment
    (environment.root / ".state").mkdir()
    held = environment.root / ".state" / ".venv-rehearsal.lock"
    script = "import fcntl, sys; f = open(sys.argv[1], 'a'); fcntl.flock(f, 2); print(flush=True); sys.stdin.read()"
    orphan = subprocess.Popen(
        [sys.executable, "-c", script, str(held)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert orphan.stdin is not None
    assert orphan.stdout is not None
    orphan.stdout.readline()
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        if "waiting for another preparation" in line and orphan.poll() is None:
            assert not environment.folder.exists()
            orphan.send_signal(signal.SIGKILL)
            orphan.wait()

    try:
        packages.act(deployment, say)
    finally:
        orphan.kill()
        orphan.communicate()
    assert "waiting for another preparation" in said[0]
    assert packages.look(deployment).satisfied
