"""The supervisor: one supervisord per checkout and user, and the programs it runs."""

from __future__ import annotations

import configparser
import hashlib
import hmac
import json
import os
import secrets
import signal
import sys
import threading
import xmlrpc.client
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ops.runbook import interrupt, proc
from ops.runbook.errors import RunbookError
from ops.runbook.secret import redactor
from ops.runbook.step import Say
from ops.targets.local import processes, rpc
from ops.targets.local.layout import Layout, is_private, make_private, read, write_private
from ops.targets.local.program import Program, _escape

# Of supervisor.xmlrpc.Faults and supervisor.states.ProcessStates (supervisor 4.3).
ALREADY_ADDED, ALREADY_STARTED, NOT_RUNNING, BAD_NAME, STILL_RUNNING = 90, 60, 70, 10, 91
UP = ("STARTING", "RUNNING")
FAILED = ("FATAL", "EXITED", "UNKNOWN")
AT_REST = ("STOPPED", "EXITED", "FATAL")

SUPERVISORD = "supervisord"
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
        return self.state in UP


class Supervisor:
    """Starts, asks and stops the one supervisord of this rehearsal."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    # The daemon itself

    def programs(self) -> dict[str, Info] | None:
        """Every program it knows, by name, in one call; None while it does not run."""
        # Whoever could make this folder before us could pose as the supervisor.
        if not is_private(self.layout.run):
            return None
        try:
            with rpc.connect(self.layout.supervisor_socket) as server:
                rows = cast(list[dict[str, Any]], server.supervisor.getAllProcessInfo())
        except OSError:
            return None
        return {
            row["name"]: Info(row["statename"], row["pid"], max(0, row["now"] - row["start"]), row["spawnerr"])
            for row in rows
        }

    def info(self, name: str) -> Info | None:
        """What it says of program `name`; None when it does not run or does not know it."""
        return (self.programs() or {}).get(name)

    def start_daemon(self, say: Say) -> None:
        """Start supervisord unless it answers; servers left over by a killed one are stopped first.

        Raises:
            RunbookError: LOCAL-004 an earlier one runs but does not answer, or the new one does not come up.
        """
        layout = self.layout
        for folder in (layout.run, layout.state, layout.home, layout.logs, layout.env, layout.pids, layout.programs):
            make_private(folder)
        self._make_key()
        if self.programs() is None:
            self.stop_leftovers(say)
            write_private(self.layout.supervisor_conf, self._conf())
            say("starting the supervisor")
            proc.run(
                [sys.executable, "-m", "supervisor.supervisord", "-c", self.layout.supervisor_conf],
                env=base_environment(self.layout),
                cwd="/",
                timeout=30,
            )
            interrupt.wait_until(
                lambda: self.programs() is not None,
                what="the supervisor",
                timeout=15,
                every=0.03,
                say=say,
                code="LOCAL-004",
                next=f"tail {self.layout.log(SUPERVISORD)}",
            )
        with rpc.connect(self.layout.supervisor_socket) as server:
            processes.record(self.layout.pids / SUPERVISORD, cast(int, server.supervisor.getPID()))

    def stop_leftovers(self, say: Say) -> None:
        """Stop whatever an earlier supervisor has left behind: itself if it no longer answers, and its children."""
        daemon = self.layout.pids / SUPERVISORD
        # First, or it would restart what is stopped next.
        if processes.alive(daemon):
            say("stopping a supervisor that no longer answers")
            processes.stop(daemon, signal.SIGKILL)
        for file in sorted(self.layout.pids.glob("*")):
            if file.name != SUPERVISORD and processes.stop(file, *self._manners(file.name)):
                say(f"stopped {file.name}, left over from before")

    def shutdown(self, say: Say) -> list[str]:
        """Stop every server and the supervisor, and make sure none is left.

        Returns the names of what was stopped.
        """
        files = [file for file in sorted(self.layout.pids.glob("*")) if processes.alive(file)]
        leaders = [processes.alive(file) for file in files]
        known = self.programs()
        if known is not None:
            say(f"stopping {len(files)} processes")
            # Stage by stage here, and not by its own shutdown, which notices each end only up to a second later.
            for stage in self._stages(known):
                self.stop(*stage)
            with rpc.connect(self.layout.supervisor_socket) as server:
                server.supervisor.shutdown()
            interrupt.wait_until(
                lambda: self.programs() is None and not processes.alive(self.layout.pids / SUPERVISORD),
                what="the supervisor to end",
                timeout=20,
                every=0.03,
                say=say,
            )
        self.stop_leftovers(say)
        left = [str(pid) for pid in leaders if pid and processes.group_alive(pid)]
        if left:
            raise RunbookError(
                "LOCAL-004", f"still running after the stop: pid {', '.join(left)}", next=f"kill -9 {' '.join(left)}"
            )
        return [file.name for file in files]

    def _conf(self) -> str:
        """Everything by absolute path but the include: its value is split at spaces."""
        log, run = _escape(str(self.layout.log(SUPERVISORD))), _escape(str(self.layout.run))
        user = "user=root\n" if os.getuid() == 0 else ""
        return (
            f"[unix_http_server]\nfile={run}/{self.layout.supervisor_socket.name}\nchmod=0600\n\n"
            f"[supervisord]\nlogfile={log}\nlogfile_maxbytes=1MB\nlogfile_backups=1\n"
            f"pidfile={run}/supervisord.pid\numask=077\ndirectory=/\nstrip_ansi=true\n{user}\n"
            "[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n\n"
            "[include]\nfiles=conf.d/*.ini\n"
        )

    # Programs

    def _file(self, name: str) -> Path:
        return self.layout.programs / f"{name}.ini"

    def _manners(self, name: str) -> tuple[signal.Signals, float]:
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
            timeout=max(self._manners(name)[1] for name in names) + 10,
            every=0.03,
            code="LOCAL-004",
            next="inv local.down",
        )

    def _stages(self, names: Iterable[str]) -> list[list[str]]:
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
            next=f"inv local.logs {name}",
        )

    # What a program was started from

    def _make_key(self) -> None:
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


def base_environment(layout: Layout) -> dict[str, str]:
    """What every server of the rehearsal gets, and nothing of the operator's own."""
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(layout.home), "LANG": "C.UTF-8"}


def write_environment(layout: Layout, name: str, variables: Mapping[str, str]) -> None:
    """Write the environment file of program `name`: the common variables and `variables`."""
    write_private(layout.env / f"{name}.json", environment_text(layout, variables))


def environment_text(layout: Layout, variables: Mapping[str, str]) -> str:
    """The text of an environment file."""
    return json.dumps({**base_environment(layout), **variables}, indent=1, sort_keys=True) + "\n"
