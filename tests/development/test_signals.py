"""The tests themselves, started in ways that hand down ignored signals."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROBE = """
import signal, subprocess, sys
NUMBERS = "SIGHUP", "SIGINT", "SIGTERM", "SIGQUIT"
def test_probe():
    program = "import signal; print(*[signal.getsignal(getattr(signal, n)) == signal.SIG_IGN for n in %r])" % (NUMBERS,)
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["False"] * 4
"""
IGNORING = """
import os, signal, sys
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
    signal.signal(number, signal.SIG_IGN)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def test_a_child_of_a_test_has_the_usual_signals_also_under_nohup(tmp_path: Path) -> None:
    """R33."""
    file = tmp_path / "test_probe.py"
    file.write_text(PROBE)
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.conftest", "-c", str(ROOT / "pyproject.toml")]
    done = subprocess.run(
        [sys.executable, "-c", IGNORING, *words, str(file)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
