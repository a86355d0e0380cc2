"""Operating a rehearsal: the state of its processes, their logs, and stopping them."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ops.runbook.errors import RunbookError
from ops.runbook.secret import redactor
from ops.runbook.step import Say
from ops.targets.local import daemon, identity, processes, storage
from ops.targets.local.layout import RUN_RECORD

if TYPE_CHECKING:
    from ops.targets.local.rehearsal import Rehearsal
    from ops.vault import Vault

_HIDDEN_PORTS = ("_grpc", "_master", "_volume", "_filer", "_admin")


@dataclass(frozen=True)
class Server:
    """One line of `inv local.status`: a server's name, state, pid (0: none), seconds up, ports by name, and log."""

    name: str
    state: str
    pid: int
    up_s: int
    ports: dict[str, int]
    log: Path


def status(rehearsal: Rehearsal) -> list[Server]:
    """What runs; the supervisor first. Changes nothing."""
    layout, ports = rehearsal.layout, rehearsal.ports.known()
    known = rehearsal.supervisor.programs()
    record = layout.pids / daemon.NAME
    pid = processes.alive(record) if known is not None else 0
    up_s = int(time.time() - record.stat().st_mtime) if pid else 0
    state = "RUNNING" if known is not None else "STOPPED"
    servers = [Server(daemon.NAME, state, pid, up_s, {}, layout.log(daemon.NAME))]
    for name in names(rehearsal):
        info = (known or {}).get(name)
        own = {
            port: number
            for port, number in ports.items()
            if (port == name or port.startswith(f"{name}_")) and not port.endswith(_HIDDEN_PORTS)
        }
        servers.append(
            Server(
                name,
                info.state if info else "STOPPED",
                info.pid if info else 0,
                info.up_s if info and info.up else 0,
                own,
                layout.log(name),
            )
        )
    return servers


def names(rehearsal: Rehearsal) -> list[str]:
    """The servers that have been set up so far, in alphabetical order."""
    return sorted(file.stem for file in rehearsal.layout.programs.glob("*.ini"))


def logs(rehearsal: Rehearsal, vault: Vault, name: str, lines: int = 50) -> list[str]:
    """The last lines a server said, known secrets redacted.

    Raises:
        RunbookError: LOCAL-009 there is no such server, or it has said nothing yet.
    """
    layout = rehearsal.layout
    # A server may keep more than one: the edge has its requests in a log of their own.
    known = sorted({daemon.NAME, *names(rehearsal), *(file.stem for file in layout.logs.glob("*.log"))})
    if name not in known:
        raise RunbookError(
            "LOCAL-009", f"there is no server '{name}'", why=f"there are: {', '.join(known)}", next="inv local.status"
        )
    try:
        with layout.log(name).open(encoding="utf-8", errors="replace") as stream:
            last = stream.readlines()[-lines:]
    except FileNotFoundError:
        last = []
    if not last:
        raise RunbookError("LOCAL-009", f"{name} has said nothing yet", next="inv local.status")
    # Reading the vault tells the redactor its values.
    for secret in vault.names():
        vault.get(secret)
    return [redactor(line.rstrip("\n")) for line in last]


def down(rehearsal: Rehearsal, vault: Vault, say: Say, *, purge: bool = False) -> list[str]:
    """Stop everything, verified by pid; data, ports and secrets stay for the next `deploy.all`.

    Args:
        purge: also remove the servers' data, logs, the rehearsal's ports and its vault.

    Returns:
        Names of what was stopped.

    Raises:
        RunbookError: LOCAL-004 something is still running.
    """
    layout = rehearsal.layout
    stopped = daemon.shutdown(rehearsal.supervisor, say) if layout.state.exists() else []
    # A broken record of the ports is removed by hand once everything is stopped: it must not keep us from stopping.
    with contextlib.suppress(RunbookError):
        storage.remove_sockets(rehearsal.ports.known())
    _remove(layout.run)
    if purge:
        say("removing the rehearsal's data, logs, ports and vault")
        home = identity.home(layout)
        if home is not None and home.user:
            _remove(home.data.parent)
        for path in (layout.state / "data", layout.home, layout.logs, layout.env, layout.pids, layout.started):
            _remove(path)
        _remove(layout.supervisor_conf.parent)
        for file in (layout.stage, layout.state / "ports.json", layout.state / "digest.key", layout.state / RUN_RECORD):
            file.unlink(missing_ok=True)
        for file in (vault.path, vault.previous):
            file.unlink(missing_ok=True)
    return stopped


def _remove(folder: Path) -> None:
    """Remove a folder of ours; a link is removed, not followed."""
    if folder.is_symlink():
        folder.unlink()
        return
    problems: list[str] = []

    def note(function: Callable[..., object], path: str, error: object) -> None:
        if not isinstance(error, tuple) or not issubclass(error[0], FileNotFoundError):
            problems.append(path)

    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder, onerror=note)
    if problems:
        raise RunbookError(
            "LOCAL-001",
            f"{problems[0]} cannot be removed",
            why=f"{len(problems)} files are left",
            next=f"ls -la {folder}",
        )
