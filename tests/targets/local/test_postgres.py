"""What a killed run or a dead server left behind is cleared away, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.runbook.interrupt import wait_until
from ops.targets.local.postgres import _drop_stale_lock, _remove_leftovers

# Makes and removes files under a folder, as initdb does, until it is stopped.
BUSY = """
import itertools, os, shutil, sys
for number in itertools.count():
    folder = os.path.join(sys.argv[1], f"pg_{number % 50}")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for name in "abcdef":
        try:
            open(os.path.join(folder, name), "w").close()
        except FileNotFoundError:
            pass
"""


def _child(*argv: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen([sys.executable, "-c", *map(str, argv)])
    yield child
    child.kill()
    child.wait()


@pytest.fixture
def orphan(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The initdb of a killed run, still at work in its folder."""
    yield from _child(BUSY, tmp_path / ".newABC" / "data")


@pytest.fixture
def postmaster(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    yield from _child("import time; time.sleep(600)", "-D", tmp_path)


def test_a_half_made_cluster_goes_though_a_killed_runs_initdb_is_still_at_it(
    tmp_path: Path, orphan: subprocess.Popen[bytes]
) -> None:
    (tmp_path / "17").mkdir()
    wait_until(lambda: len(list(tmp_path.glob(".new*/data/*"))) > 10, what="a busy folder", timeout=20)
    for _ in range(20):
        _remove_leftovers(tmp_path)
    orphan.kill()
    orphan.wait()
    _remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["17"]


def test_a_postmasters_lock_file_goes_when_its_number_names_something_else(
    tmp_path: Path, postmaster: subprocess.Popen[bytes]
) -> None:
    if not Path("/proc/self/cmdline").exists():
        pytest.skip("this system has no /proc")
    file = tmp_path / "postmaster.pid"
    file.write_text(f"{os.getpid()}\n{tmp_path}\n")
    _drop_stale_lock(tmp_path)
    assert not file.exists()
    file.write_text(f"{postmaster.pid}\n{tmp_path}\n")
    # For an instant after its start the kernel shows no argument list of a process.
    words = Path(f"/proc/{postmaster.pid}/cmdline")
    wait_until(lambda: words.read_bytes() != b"", what="the argument list", timeout=5)
    _drop_stale_lock(tmp_path)
    assert file.exists()
