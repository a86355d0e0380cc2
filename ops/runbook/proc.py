"""The one place where programs are run: argument lists, a time limit, and no child outlives an interrupt."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

from ops.runbook import interrupt
from ops.runbook.errors import RunbookError
from ops.runbook.secret import redactor

AGAIN = "mend what it complains of, then run the same command again"

_children: set[subprocess.Popen[bytes]] = set()
_lock = threading.Lock()


@dataclass(frozen=True)
class Completed:
    """How a program ended: its exit code and both outputs as text (undecodable bytes replaced)."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str

    @property
    def last_words(self) -> str:
        """The last lines it printed, redacted: what an error message quotes."""
        text = self.stderr.strip() or self.stdout.strip()
        return redactor("\n".join(text.splitlines()[-10:]))


def run(
    argv: Sequence[str | Path],
    *,
    input: bytes | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
    timeout: float = 120.0,
    check: bool = True,
) -> Completed:
    """Run a program to its end and return what it said.

    Args:
        argv: the program and its arguments, never a shell line; must hold no secret (argv is public).
        input: bytes for its standard input, the way secrets are handed over.
        env: its whole environment; None inherits ours.
        cwd: where it runs.
        timeout: seconds until it is killed.
        check: raise on a non-zero exit.

    Raises:
        RunbookError: PROC-001 not found, PROC-002 non-zero exit (with `check`), PROC-003 out of time.
        Interrupted, TimeUp: the run was asked to stop, the step took too long; the child is gone by then.
    """
    interrupt.check()
    words = [str(word) for word in argv]
    child = _start(words, env, cwd, stdin=subprocess.PIPE if input is not None else subprocess.DEVNULL)
    try:
        out, err = child.communicate(input, timeout=interrupt.left(timeout))
    except subprocess.TimeoutExpired:
        stop_group(child)
        interrupt.check()
        raise RunbookError("PROC-003", f"{words[0]} did not finish within {timeout:.0f} s", next=AGAIN) from None
    except BaseException:
        stop_group(child)
        raise
    finally:
        with _lock:
            _children.discard(child)
    interrupt.check()
    done = Completed(tuple(words), child.returncode, out.decode(errors="replace"), err.decode(errors="replace"))
    if check and done.returncode != 0:
        raise RunbookError(
            "PROC-002",
            f"{Path(words[0]).name} ended with exit code {done.returncode}",
            why=done.last_words,
            next=AGAIN,
        )
    return done


def follow(
    argv: Sequence[str | Path],
    heard: Callable[[str], None],
    *,
    idle: Callable[[], None] = lambda: None,
    cwd: str | Path | None = None,
    timeout: float = 3600.0,
) -> int:
    """Run a program to its end and hand over each line it prints, on either output, when it prints it.

    Args:
        argv: the program and its arguments; must hold no secret.
        heard: receives each line, without its end.
        idle: called about twice a second while it runs.
        cwd: where it runs.
        timeout: seconds until it is killed.

    Returns:
        Its exit code.

    Raises:
        RunbookError: PROC-001 not found, PROC-003 out of time.
        Interrupted, TimeUp: the run was asked to stop, the step took too long; the child is gone by then.
    """
    interrupt.check()
    words = [str(word) for word in argv]
    child = _start(words, None, cwd, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    lines: SimpleQueue[bytes | None] = SimpleQueue()

    def read() -> None:
        assert child.stdout is not None
        for line in child.stdout:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    deadline = time.monotonic() + timeout
    try:
        while True:
            with contextlib.suppress(Empty):
                line = lines.get(timeout=0.5)
                if line is None:
                    break
                heard(line.decode(errors="replace").rstrip("\r\n"))
            interrupt.check()
            idle()
            if time.monotonic() > deadline:
                raise RunbookError("PROC-003", f"{words[0]} did not finish within {timeout:.0f} s", next=AGAIN)
        code = child.wait()
    except BaseException:
        stop_group(child)
        raise
    finally:
        with _lock:
            _children.discard(child)
    interrupt.check()
    return code


def _start(
    words: list[str],
    env: Mapping[str, str] | None,
    cwd: str | Path | None,
    *,
    stdin: int,
    stderr: int = subprocess.PIPE,
) -> subprocess.Popen[bytes]:
    """A child with a process group of its own, which an interrupt ends."""
    try:
        child = subprocess.Popen(
            words,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,
        )
    except (FileNotFoundError, PermissionError) as error:
        raise RunbookError("PROC-001", f"{words[0]} cannot be run: {error.strerror}", next="inv doctor") from None
    with _lock:
        _children.add(child)
    return child


def stop_group(child: subprocess.Popen[bytes], grace: float = 3.0) -> None:
    """End a child and everything in its process group: SIGTERM, and SIGKILL after `grace` seconds."""
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, grace)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, number)
        try:
            child.wait(patience)
            break
        except subprocess.TimeoutExpired:
            continue
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


def stop_all() -> None:
    """End every program still running; called when a run is interrupted."""
    with _lock:
        children = list(_children)
    for child in children:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGTERM)
    for child in children:
        stop_group(child)
