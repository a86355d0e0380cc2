"""A runbook that kills itself (SIGKILL) at one of its points: before, inside or after an act or a write.

Run as a program: ``python -S tests/crash.py POINT LOG FILE WORDS``. FILE (a checkout's `tasks.py`, or a test's
program) is run with WORDS; each point it passes is a line of LOG, and at the one numbered POINT it ends (0: none).
Nothing of the runbook knows of this.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Points:
    """Counts the points that are passed, and kills the process at one of them."""

    def __init__(self, at: int, log: Path) -> None:
        self.at, self.passed = at, 0
        self._lock = threading.Lock()
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._write = os.write

    def passes(self, name: str, inside: Callable[[], object] = lambda: None) -> None:
        """One point; `inside` is what is half done when it is the one to die at."""
        with self._lock:
            self.passed += 1
            self._write(self._log, f"{name}\n".encode())
            if self.passed == self.at:
                inside()
                os.kill(os.getpid(), signal.SIGKILL)

    def around(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        """`function`, with a point before and one after it."""

        @functools.wraps(function)
        def wrapped(*arguments: Any, **options: Any) -> Any:
            self.passes(f"before {name}")
            made = function(*arguments, **options)
            self.passes(f"after {name}")
            return made

        return wrapped

    def write(self, descriptor: int, data: bytes) -> int:
        """`os.write` with a point before, inside (half is written) and after; what is said to a person is none."""
        if descriptor <= 2:
            return self._write(descriptor, data)
        self.passes("before a line")
        self.passes("inside a line", lambda: self._write(descriptor, data[: len(data) // 2]))
        written = self._write(descriptor, data)
        self.passes("after a line")
        return written


def install(points: Points) -> None:
    """Put the points where files are written, programs started and steps act."""
    from ops.runbook import run

    os.write = points.write
    os.replace = points.around(os.replace, "a file is replaced")
    os.fsync = points.around(os.fsync, "a file is on disk")
    subprocess.Popen.__init__ = points.around(subprocess.Popen.__init__, "a program starts")  # type: ignore[method-assign]
    original = run.run

    def with_points(steps: Any, *rest: Any, **options: Any) -> Any:
        wrapped = [dataclasses.replace(s, act=points.around(s.act, f"the act of {s.key}")) for s in steps]
        return original(wrapped, *rest, **options)

    run.run = with_points


if __name__ == "__main__":
    at, log, file, *words = sys.argv[1:]
    sys.path[0] = str(Path(file).parent)
    sys.path[1:1] = [each for each in os.environ.get("CRASH_PATH", "").split(":") if each]
    if sys.flags.no_site:
        import site

        site.main()
    sys.argv = [file, *words]
    install(Points(int(at), Path(log)))
    runpy.run_path(file, run_name="__main__")
