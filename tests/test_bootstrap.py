"""`./inv` makes its environment on first use; wherever that is cut short, the next call makes it whole."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the wrapper, a lock that asks for nothing, and a task file that says so."""
    root = tmp_path / "a project"
    (root / "ops").mkdir(parents=True)
    shutil.copy(ROOT / "inv", root)
    shutil.copy(ROOT / "ops" / "bootstrap.sh", root / "ops")
    (root / "requirements.lock").write_text("")
    (root / "tasks.py").write_text("print('here')\n")
    os.utime(root / "requirements.lock", (0, 0))
    return root


def start(project: Path) -> subprocess.Popen[str]:
    """Without uv, as on a machine that has nothing but Python."""
    return subprocess.Popen(
        [project / "inv"],
        env={"PATH": "/usr/bin:/bin", "PYTHON": sys.executable, "HOME": str(project)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def await_that(condition: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def processes(project: Path) -> list[str]:
    """Every process that has the project in its argument list."""
    lines = subprocess.run(["ps", "-wweo", "args="], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in lines if str(project) in line]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_preparation_leaves_no_process_and_is_made_anew(
    project: Path, number: signal.Signals, code: int
) -> None:
    process = start(project)
    # The environment's Python is there, and its pip is not yet.
    await_that((project / ".venv" / "bin" / "python").exists)
    await_that(lambda: any("ensurepip" in line for line in processes(project)))
    process.send_signal(number)
    said = process.communicate(timeout=30)[0]
    assert process.returncode == code, said
    assert "run the same command again" in said
    await_that(lambda: not processes(project))
    again = start(project)
    said = again.communicate(timeout=60)[0]
    assert (again.returncode, said.splitlines()[-1]) == (0, "here"), said


def test_an_environment_whose_python_is_gone_is_made_anew(project: Path) -> None:
    folder = project / ".venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "python").symlink_to(project / "no such python")
    (project / ".venv" / ".installed").write_text("")
    process = start(project)
    said = process.communicate(timeout=60)[0]
    assert (process.returncode, said.splitlines()[-1]) == (0, "here"), said
