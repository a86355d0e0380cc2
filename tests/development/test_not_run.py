"""R31: a test command that leaves something out says what, how many tests that is, and how to get it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ops.development import not_run

TESTS = """
import pytest
from tests.lacking import by_design, lacking
@pytest.mark.skipif(True, reason=lacking("no MinIO here"))
@pytest.mark.parametrize("n", [1, 2])
def test_stored(n): ...
def test_moon():
    pytest.skip(lacking("no moon", ""))
def test_combination():
    pytest.skip(by_design("tried with the other one"))
@pytest.mark.xfail
def test_known():
    assert False
def test_run(): ...
"""


def reported(folder: Path, tests: str, code: int) -> Path:
    """What pytest reports of these tests, which end with this exit code."""
    root = Path(__file__).resolve().parents[2]
    (folder / "test_some.py").write_text(tests)
    report = folder / "report.xml"
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", str(root / "pyproject.toml"), str(folder)]
    done = subprocess.run(
        [sys.executable, *words, "--junitxml", str(report)],
        cwd=root, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout
    return report


def test_what_is_lacking_is_counted_from_what_pytest_writes(tmp_path: Path) -> None:
    report = reported(tmp_path, TESTS, 0)
    assert not_run.lines(not_run.reasons([report, report])) == [
        "not run here: 6 tests",
        "    4  no MinIO here; to get it: tests/install-test-servers.sh",
        "    2  no moon",
        "to get whatever can be had here and run them all: .ci/run",
    ]
    assert not_run.lines(not_run.reasons([])) == []


FAILING = """
import pytest
@pytest.fixture
def broken():
    raise OSError("no\\ndisk")
def test_wrong():
    assert "x" * 1000 == ""
def test_unready(broken): ...
def test_right(): ...
"""


def test_what_failed_is_said_in_one_line_each(tmp_path: Path) -> None:
    report = reported(tmp_path, FAILING, 1)
    wrong, unready = not_run.failures([report])
    assert wrong.startswith("FAILED ")
    assert "test_some::test_wrong: AssertionError: assert 'xxx" in wrong
    assert len(wrong) < 2 * not_run.LONGEST
    assert unready.endswith('test_some::test_unready: failed on setup with "OSError: no disk"')
