"""The programs of the one supervisord of a rehearsal: defined, started, stopped, asked."""

from __future__ import annotations

import configparser
import hashlib
import hmac
import http.client
import secrets
import signal
import threading
import xmlrpc.client
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ops.runbook import interrupt
from ops.runbook.errors import RunbookError
from ops.runbook.secret import redactor
from ops.runbook.step import Say
from ops.targets.local import rpc
from ops.targets.local.layout import Layout, is_private, read, write_private
from ops.targets.local.program import Program

# Of supervisor.xmlrpc.Faults and supervisor.states.ProcessStates (supervisor 4.3).
ALREADY_ADDED, ALREADY_STARTED, NOT_RUNNING, BAD_NAME = 90, 60, 70, 10
UP = ("STARTING", "RUNNING")
FAILED = ("BACKOFF", "FATAL", "EXITED", "UNKNOWN")
AT_REST = ("STOPPED", "EXITED", "FATAL")

_defining = threading.Lock()


@dataclass(frozen=True)
class Info:
    """What the supervisor says of a program: its state (RUNNING, FATAL ...), pid (0: none), seconds up, last error."""

    state: str
    pid: int
    up_s: int
    error: str

    @property
    def up(self) -> bool:
        """Whether it runs or is about to."""
        return self.state in UP


class Supervisor:
    """What the supervisor of this rehearsal knows and does; `daemon` starts and ends it."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def programs(self) -> dict[str, Info] | None:
        """Every program it knows, by name, in one call; None while it does not run."""
        # Whoever could make this folder before us could pose as the supervisor.
        if not is_private(self.layout.run):
            return None
        try:
            with rpc.connect(self.layout.supervisor_socket) as server:
                rows = cast(list[dict[str, Any]], server.supervisor.getAllProcessInfo())
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            # Not there, not answering, or about to end: it then refuses every call.
            return None
        return {
            row["name"]: Info(row["statename"], row["pid"], max(0, row["now"] - row["start"]), row["spawnerr"])
            for row in rows
        }

    def info(self, name: str) -> Info | None:
        """What it says of program `name`; None when it does not run or does not know it."""
        return (self.programs() or {}).get(name)

    def _file(self, name: str) -> Path:
        return self.layout.programs / f"{name}.ini"

    def manners(self, name: str) -> tuple[signal.Signals, float]:
        """How program `name` wants to be stopped, from its own section: by which signal, in how many seconds."""
        word = self._option(name, "stopsignal") or "TERM"
        return signal.Signals[f"SIG{word}"], float(self._number(name, "stopwaitsecs", 10))

    def _number(self, name: str, option: str, default: int) -> int:
        return int(self._option(name, option) or default)

    def _option(self, name: str, option: str) -> str:
        parser = configparser.RawConfigParser()
        parser.read_string(read(self._file(name)) or f"[program:{name}]\n")
        return parser.get(f"program:{name}", option, fallback="")

    def is_defined(self, program: Program, known: Mapping[str, Info]) -> bool:
        """Whether the supervisor runs by exactly this definition."""
        return program.name in known and read(self._file(program.name)) == program.ini(self.layout)

    def define(self, *programs: Program) -> None:
        """Tell the supervisor of these programs; one that runs by another definition is stopped first."""
        with _defining, rpc.connect(self.layout.supervisor_socket) as server:
            for program in programs:
                if not self.is_defined(program, self.programs() or {}):
                    self._remove(server, program.name)
                    write_private(self._file(program.name), program.ini(self.layout))
                    server.supervisor.reloadConfig()
                    _call(server.supervisor.addProcessGroup, program.name, unless=ALREADY_ADDED)

    def _remove(self, server: xmlrpc.client.ServerProxy, name: str) -> None:
        if name in (self.programs() or {}):
            self.stop(name)
            _call(server.supervisor.removeProcessGroup, name, unless=BAD_NAME)

    def stop(self, *names: str) -> None:
        """Stop these programs side by side and wait until they have ended."""
        with rpc.connect(self.layout.supervisor_socket) as server:
            for name in names:
                _call(server.supervisor.stopProcess, name, False, unless=NOT_RUNNING)

        def ended() -> bool:
            known = self.programs() or {}
            return all(name not in known or known[name].state in AT_REST for name in names)

        interrupt.wait_until(
            ended,
            what=f"{', '.join(names)} to stop",
            timeout=max(self.manners(name)[1] for name in names) + 10,
            every=0.03,
            code="LOCAL-004",
            next="inv local.down",
        )

    def stages(self, names: Iterable[str]) -> list[list[str]]:
        """The programs in the order they are to be stopped: what depends on others first."""
        stages: dict[int, list[str]] = {}
        for name in names:
            stages.setdefault(self._number(name, "priority", 100), []).append(name)
        return [sorted(stages[priority]) for priority in sorted(stages, reverse=True)]

    def start(self, program: Program, mark: str, ready: Callable[[], bool], say: Say, *, timeout: float = 30.0) -> None:
        """Start `program`, or start it anew, and wait until it is ready.

        Args:
            program: what to run; defined here if it is not yet.
            mark: what it is started from (see `mark`); remembered, so that a later change is seen as drift.
            ready: whether it does its work.
            say: receives progress.
            timeout: seconds it may take.

        Raises:
            RunbookError: LOCAL-005 it ended, or was not ready in time; with the last lines of its log.
        """
        self.define(program)
        name = program.name
        info = self.info(name)
        if info is not None and info.state not in AT_REST:
            say(f"stopping {name}, to start it with what has changed")
            self.stop(name)
        # Between the stop and the start: at no moment can an older process be taken for one started from `mark`.
        write_private(self.layout.started / name, mark)
        say(f"starting {name}")
        with rpc.connect(self.layout.supervisor_socket) as server:
            try:
                _call(server.supervisor.startProcess, name, False, unless=ALREADY_STARTED)
            except xmlrpc.client.Fault as fault:
                raise self._failed(name, fault.faultString) from None

        def up() -> bool:
            found = self.info(name)
            if found is not None and found.state == "BACKOFF":
                # It would be tried again a few times; what ends at its start does so for a reason.
                self.stop(name)
            if found is None or found.state in FAILED:
                raise self._failed(name, found.error if found else "the supervisor has forgotten it")
            return found.up and ready()

        try:
            interrupt.wait_until(up, what=f"{name} to be ready", timeout=timeout, every=0.05, say=say, code="LOCAL-005")
        except RunbookError as error:
            if error.why:
                raise
            raise self._failed(name, error.what) from None

    def _failed(self, name: str, reason: str) -> RunbookError:
        log = self.layout.log(name)
        words = "\n".join((read(log) or "").splitlines()[-8:])
        return RunbookError(
            "LOCAL-005",
            f"{name} did not start: {redactor(reason) or 'it ended by itself'}",
            why=redactor(words) or "it said nothing",
            next=f"inv local.logs --name {name}",
        )

    def make_key(self) -> None:
        """Make the key of the marks, once."""
        file = self.layout.state / "digest.key"
        if read(file) is None:
            write_private(file, secrets.token_hex(32))

    def mark(self, program: Program, *inputs: str | bytes) -> str:
        """A digest of all that `program` is started from: definition, environment file, `inputs`.

        Keyed with a random key of this rehearsal, so that it tells nothing of the secrets among them.
        """
        key = read(self.layout.state / "digest.key") or ""
        digest = hmac.new(key.encode(), digestmod=hashlib.sha256)
        for part in (program.ini(self.layout), read(self.layout.env / f"{program.name}.json") or "", *inputs):
            data = part.encode() if isinstance(part, str) else part
            digest.update(f"{len(data)}:".encode() + data)
        return digest.hexdigest()

    def is_fresh(self, name: str, mark: str) -> bool:
        """Whether `name` was last started from what `mark` stands for."""
        return hmac.compare_digest(read(self.layout.started / name) or "", mark)


def _call(method: Callable[..., object], *arguments: object, unless: int) -> None:
    """Call, taking fault `unless` for "it is so already"."""
    try:
        method(*arguments)
    except xmlrpc.client.Fault as fault:
        if fault.faultCode != unless:
            raise
