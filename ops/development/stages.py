"""Runs the stages of a check: one after another as they are seen, and others beside them, which speak when through."""

from __future__ import annotations

import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ops.runbook import proc


@dataclass(frozen=True)
class Stage:
    """One command of a check.

    Attributes:
        name: as it is shown.
        command: what is run, in the project's folder.
        at_once: beside the others: whether it needs nothing that the preparing stages make.
        passes: the exit codes that do not make the check red.
    """

    name: str
    command: list[str]
    at_once: bool = False
    passes: tuple[int, ...] = (0,)


class Check:
    """Runs stages in `folder`; all of them, also after one that failed.

    Attributes:
        failed: the names of those that did.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder, self.environment = folder, environment
        self.failed: list[str] = []

    def run(self, preparing: Sequence[Stage], shown: Sequence[Stage], beside: Sequence[Stage]) -> None:
        """Run all of them.

        Args:
            preparing: what the others need; first, one after another.
            shown: then these, one after another.
            beside: while those run, these, one after another; each is shown whole when the others have ended.
        """
        aside = _Beside(beside, self.folder, self.environment)
        try:
            for stage in preparing:
                self._show(stage)
            aside.prepared.set()
            for stage in shown:
                self._show(stage)
            for ended in aside.ended():
                print(f"== {ended.stage.name}", flush=True)
                ended.said.seek(0)
                print(ended.said.read(), end="")
                self._end(ended.stage, ended.code, ended.seconds)
        finally:
            aside.close()

    def _show(self, stage: Stage) -> None:
        start = time.monotonic()
        print(f"== {stage.name}", flush=True)
        done = subprocess.run(stage.command, cwd=self.folder, env=self.environment, check=False)
        self._end(stage, done.returncode, time.monotonic() - start)

    def _end(self, stage: Stage, code: int, seconds: float) -> None:
        if code not in stage.passes:
            self.failed.append(stage.name)
        said = "ok" if code == 0 else f"exit {code}" + (", which passes" if code in stage.passes else "")
        print(f"== {stage.name}: {said} ({seconds:.0f} s)", flush=True)


@dataclass
class _Ended:
    stage: Stage
    said: IO[str]
    code: int
    seconds: float


class _Beside:
    """A thread that runs stages one after another and keeps what each says."""

    def __init__(self, stages: Sequence[Stage], folder: Path, environment: Mapping[str, str]) -> None:
        self.prepared = threading.Event()
        self._folder, self._environment = folder, environment
        self._lock = threading.Lock()
        self._closed = False
        self._child: subprocess.Popen[bytes] | None = None
        self._ended: list[_Ended] = []
        self._thread = threading.Thread(target=self._work, args=(stages,), daemon=True)
        self._thread.start()

    def ended(self) -> list[_Ended]:
        """Wait for all of them."""
        self._thread.join()
        return self._ended

    def close(self) -> None:
        """End what still runs, begin nothing more."""
        with self._lock:
            self._closed = True
            child = self._child
        self.prepared.set()
        if child is not None:
            proc.stop_group(child)
        self._thread.join()
        for each in self._ended:
            each.said.close()

    def _work(self, stages: Sequence[Stage]) -> None:
        for stage in stages:
            if not stage.at_once:
                self.prepared.wait()
            said = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 - closed by close()
            start = time.monotonic()
            with self._lock:
                if self._closed:
                    said.close()
                    return
                self._child = subprocess.Popen(
                    stage.command,
                    cwd=self._folder,
                    env=self._environment,
                    stdout=said,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            code = self._child.wait()
            self._ended.append(_Ended(stage, said, code, time.monotonic() - start))
