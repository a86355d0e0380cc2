"""The stages of a check: in order, all of them, those beside the others shown whole; nothing is left running."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from ops.development.stages import Check, Stage


def python(name: str, code: str, at_once: bool = False) -> Stage:
    return Stage(name, [sys.executable, "-c", code], at_once)


def test_an_exit_code_that_passes_is_said_and_not_red(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    check = Check(tmp_path, os.environ)
    command = [sys.executable, "-c", "raise SystemExit(3)"]
    check.run([], [Stage("a", command, passes=(0, 3))], [Stage("b", command, passes=(0,))])
    assert check.failed == ["b"]
    said = capfd.readouterr().out
    assert "== a: exit 3, which passes (" in said
    assert "== b: exit 3 (" in said


def awaiting(file: Path) -> str:
    """A program that ends when there is such a file."""
    return f"import os, time\nwhile not os.path.exists({str(file)!r}): time.sleep(0.01)\n"


def writing(file: Path) -> str:
    return f"open({str(file)!r}, 'w').close()\n"


def test_all_are_run_and_the_failed_ones_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    check = Check(tmp_path, os.environ)
    check.run(
        [python("a", "print('said by a')"), python("b", "raise SystemExit(3)")],
        [python("c", "print('said by c')")],
        [python("d", "print('said by d'); raise SystemExit(1)"), python("e", "print('said by e')")],
    )
    assert check.failed == ["b", "d"]
    said = capfd.readouterr().out
    found = [said.index(f"said by {name}") for name in "acde"]
    assert found == sorted(found)
    assert "== b: exit 3 (" in said


def test_what_stands_beside_runs_while_the_others_do(tmp_path: Path) -> None:
    """One that needs no preparation from the first moment, one that does from then on: each awaits the other's file."""
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    check = Check(tmp_path, os.environ)
    check.run(
        [python("prepare", awaiting(first) + writing(second))],
        [python("shown", awaiting(third))],
        [
            python("at once", writing(first), at_once=True),
            python("later", f"import os\nassert os.path.exists({str(second)!r})\n" + writing(third)),
        ],
    )
    assert check.failed == []


def test_nothing_is_left_running_when_it_is_broken_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, pid = tmp_path / "begun", tmp_path / "pid"
    code = f"import os, time\nopen({str(pid)!r}, 'w').write(str(os.getpid()))\n{writing(begun)}time.sleep(600)\n"

    def broken_off(self: Check, stage: Stage) -> None:
        deadline = time.monotonic() + 60
        while not begun.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(Check, "_show", broken_off)
    with pytest.raises(KeyboardInterrupt):
        Check(tmp_path, os.environ).run([python("a", "")], [], [python("b", code, at_once=True), python("c", "")])
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
