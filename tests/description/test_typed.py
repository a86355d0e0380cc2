"""Conversions go through one lock: without it threads crash the interpreter now and then."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

RACE = """
import threading
from ops.vault import contract
start = threading.Barrier(12)
def work():
    start.wait()
    contract.read()
threads = [threading.Thread(target=work) for _ in range(12)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def test_many_threads_reading_the_contract_for_the_first_time_survive() -> None:
    for _ in range(12):
        done = subprocess.run([sys.executable, "-c", RACE], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_nobody_converts_around_the_lock() -> None:
    users = [
        str(file.relative_to(ROOT))
        for file in (ROOT / "ops").rglob("*.py")
        if "standins" not in file.parts
        and ("msgspec.convert" in file.read_text() or "msgspec.json.encode" in file.read_text())
    ]
    assert users == ["ops/description/typed.py"]
