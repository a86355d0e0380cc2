"""Step 0.2: the supervisor itself, one supervisord per checkout and user: started, found again, ended for good."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, cast

from ops.runbook import interrupt, proc
from ops.runbook.errors import RunbookError
from ops.runbook.step import Look, Say, drifted, missing, satisfied
from ops.targets.local import processes, rpc, tools
from ops.targets.local.layout import RUN_RECORD, Layout, make_private, read, write_private
from ops.targets.local.program import escape, log_line, special_variables
from ops.targets.local.supervise import AT_REST
from ops.targets.local.variables import base_environment

if TYPE_CHECKING:
    from ops.targets.local.rehearsal import Rehearsal
    from ops.targets.local.supervise import Supervisor
    from ops.targets.workspace import Workspace

NAME = "supervisord"


def start(supervisor: Supervisor, say: Say) -> None:
    """Start supervisord unless it answers; servers left over by a killed one are stopped first.

    Raises:
        RunbookError: LOCAL-004 an earlier one runs but does not answer, or the new one does not come up.
    """
    layout = supervisor.layout
    for folder in (layout.run, layout.state, layout.home, layout.logs, layout.env, layout.pids, layout.programs):
        make_private(folder)
    supervisor.make_key()
    write_private(layout.state / RUN_RECORD, f"{layout.run}\n")
    if supervisor.programs() is not None and not is_current(layout):
        say("the supervisor runs by a configuration that is gone: starting it anew")
        shutdown(supervisor, say)
    if supervisor.programs() is None:
        stop_leftovers(supervisor, say)
        forget_elsewhere(layout)
        write_private(layout.supervisor_conf, configuration(layout))
        say("starting the supervisor")
        proc.run(
            [tools.python(), "-m", "supervisor.supervisord", "-c", layout.supervisor_conf],
            env={**base_environment(layout), **special_variables()},
            cwd="/",
            timeout=30,
        )
        interrupt.wait_until(
            lambda: supervisor.programs() is not None,
            what="the supervisor",
            timeout=15,
            every=0.03,
            say=say,
            code="LOCAL-004",
            next=f"tail {layout.log(NAME)}",
        )
    with rpc.connect(layout.supervisor_socket) as server:
        processes.record(layout.pids / NAME, cast(int, server.supervisor.getPID()))


def is_current(layout: Layout) -> bool:
    """Whether the configuration it was started with is still there: somebody may have removed the state folder."""
    return read(layout.supervisor_conf) == configuration(layout)


def stop_leftovers(supervisor: Supervisor, say: Say) -> None:
    """Stop whatever an earlier supervisor has left behind: itself if it no longer answers, and its children."""
    layout = supervisor.layout
    daemon = layout.pids / NAME
    # First, or it would restart what is stopped next.
    if processes.alive(daemon):
        say("stopping a supervisor that no longer answers")
        processes.stop(daemon, signal.SIGKILL)
    for file in sorted(layout.pids.glob("*")):
        if file.name != NAME and processes.stop(file, *supervisor.manners(file.name)):
            say(f"{file.name} was left over from before")


def forget_elsewhere(layout: Layout) -> None:
    """Remove definitions made while the checkout was in another place; each step writes its own anew."""
    for file in layout.programs.glob("*.ini"):
        if log_line(layout, file.stem) not in (read(file) or "").splitlines():
            file.unlink()


def shutdown(supervisor: Supervisor, say: Say) -> list[str]:
    """Stop every server and the supervisor, and make sure none is left.

    Returns:
        The names of what was stopped.

    Raises:
        RunbookError: LOCAL-004 a process still runs.
    """
    layout = supervisor.layout
    files = [file for file in sorted(layout.pids.glob("*")) if processes.alive(file)]
    leaders = {processes.alive(file) for file in files}
    known = supervisor.programs()
    if known is not None:
        leaders |= {info.pid for info in known.values()}
        # Stage by stage here, and not by its own shutdown, which notices each end only up to a second later.
        for stage in supervisor.stages(name for name, info in known.items() if info.state not in AT_REST):
            say(f"stopping {', '.join(stage)}")
            supervisor.stop(*stage)
        with rpc.connect(layout.supervisor_socket) as server:
            daemon = cast(int, server.supervisor.getPID())
            server.supervisor.shutdown()
        interrupt.wait_until(
            lambda: supervisor.programs() is None and not processes.group_alive(daemon),
            what="the supervisor to end",
            timeout=20,
            every=0.03,
            say=say,
        )
    stop_leftovers(supervisor, say)
    left = [str(pid) for pid in leaders if pid and processes.group_alive(pid)]
    if left:
        raise RunbookError(
            "LOCAL-004", f"still running after the stop: pid {', '.join(left)}", next=f"kill -9 {' '.join(left)}"
        )
    return [file.name for file in files]


def configuration(layout: Layout) -> str:
    """Everything by absolute path but the include: its value is split at spaces."""
    log, run = escape(str(layout.log(NAME))), escape(str(layout.run))
    user = "user=root\n" if os.getuid() == 0 else ""
    return (
        f"[unix_http_server]\nfile={run}/{layout.supervisor_socket.name}\nchmod=0600\n\n"
        f"[supervisord]\nlogfile={log}\nlogfile_maxbytes=1MB\nlogfile_backups=1\n"
        f"pidfile={run}/supervisord.pid\numask=077\ndirectory=/\nstrip_ansi=true\n{user}\n"
        "[rpcinterface:supervisor]\n"
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n\n"
        "[include]\nfiles=conf.d/*.ini\n"
    )


class Daemon:
    """The supervisor runs and is known by its pid."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self.rehearsal = rehearsal

    def look(self, workspace: Workspace) -> Look:
        """Whether the supervisor answers, by its present configuration, with its pid on record."""
        if self.rehearsal.supervisor.programs() is None:
            return missing("the supervisor does not run")
        if not is_current(self.rehearsal.layout):
            return drifted("the supervisor runs by a configuration that is gone")
        pid = processes.alive(self.rehearsal.layout.pids / NAME)
        if not pid:
            return missing("the supervisor runs, but its pid is not on record")
        return satisfied(f"supervisord, pid {pid}")

    def act(self, workspace: Workspace, say: Say) -> None:
        """Start the supervisor, after stopping what an earlier one left behind; errors as `start`."""
        start(self.rehearsal.supervisor, say)
