"""The rehearsal's Redis: a real Valkey server with a password, a memory limit and no eviction."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from ops.runbook.secret import Secret
from ops.runbook.step import Look, Say, drifted, missing, satisfied
from ops.services import redis_wire
from ops.targets.local import tools
from ops.targets.local.layout import Layout, make_private, read, write_private
from ops.targets.local.patience import ANSWER_S
from ops.targets.local.program import Program
from ops.targets.local.variables import write_environment

if TYPE_CHECKING:
    from ops.targets.local.rehearsal import Rehearsal
    from ops.targets.workspace import Workspace

NAME = "redis"
URL = "REDIS_URL"
QUEUE_URL = "QUEUE_REDIS_URL"


def configuration(data: Path, port: int, max_memory_mb: int, password: str) -> str:
    """The server's configuration file; it holds the password, so it is private."""
    return (
        f"bind 127.0.0.1 -::1\nport {port}\nprotected-mode yes\nrequirepass {password}\n"
        f"maxmemory {max_memory_mb}mb\nmaxmemory-policy noeviction\n"
        f'appendonly yes\nsave ""\ndir "{data}"\ndaemonize no\n'
    )


def program(layout: Layout) -> Program:
    """The server in the foreground."""
    server = tools.find("valkey-server") or "valkey-server"
    command = (server, str(layout.data(NAME) / "valkey.conf"))
    return Program(NAME, command, (NAME,), stop_s=15, priority=20)


def url(port: int, password: str, database: int = 0) -> Secret:
    """The connection URL; `database` is the number of one of the server's databases."""
    return Secret(f"redis://default:{quote(password, safe='')}@127.0.0.1:{port}/{database}")


class Valkey:
    """Part 1.4."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self.rehearsal = rehearsal
        self.layout = rehearsal.layout

    def _inputs(self) -> str:
        return read(self.layout.data(NAME) / "valkey.conf") or ""

    def look(self, workspace: Workspace) -> Look:
        """Whether it runs, by the vault's URL and with the stack's memory, and never evicts."""
        found = self.rehearsal.standing(program(self.layout), self._inputs())
        if not found.satisfied:
            return found
        absent = [name for name in names(workspace) if not workspace.vault.has(name)]
        if absent:
            return missing(f"{', '.join(absent)} is not in the rehearsal's vault")
        secret = workspace.vault.get(URL)
        port, password = self.rehearsal.ports.peek(NAME), password_of(secret)
        wanted = configuration(self.layout.data(NAME), port, workspace.stack.redis.max_memory_mb, password)
        if urlsplit(secret.reveal()).port != port or wanted != self._inputs():
            return drifted("its configuration is not what the stack and the vault say")
        try:
            settings, server = redis_wire.ask(
                secret, ("CONFIG", "GET", "maxmemory", "maxmemory-policy"), ("INFO", "server"), timeout=ANSWER_S
            )
        except (redis_wire.Refused, OSError) as error:
            return drifted(f"does not answer on 127.0.0.1:{port}: {type(error).__name__}")
        have = dict(zip(settings[::2], settings[1::2], strict=True))
        version = redis_wire.fields(server).get("valkey_version", "?")
        want = {"maxmemory": str(workspace.stack.redis.max_memory_mb * 2**20), "maxmemory-policy": "noeviction"}
        if have != want:
            difference = "\n".join(
                f"{key}: {have.get(key)} → {want[key]}" for key in want if have.get(key) != want[key]
            )
            return drifted("runs with other settings", difference)
        return satisfied(f"Valkey {version} on 127.0.0.1:{port}, {workspace.stack.redis.max_memory_mb} MB, noeviction")

    def act(self, workspace: Workspace, say: Say) -> None:
        """Put its URLs into the vault, write its configuration, and start it.

        Raises:
            RunbookError: LOCAL-006 the program is not there; LOCAL-003 a stranger has its port; LOCAL-004 there is no
                supervisor; LOCAL-005 it does not come up.
        """
        tools.need("valkey-server", "it is the rehearsal's Redis; there is one for glibc Linux and for macOS")
        port = self.rehearsal.free_port(NAME)
        known = workspace.vault.get(URL) if workspace.vault.has(URL) else None
        password = password_of(known) if known else secrets.token_urlsafe(24)
        secret = url(port, password)
        # Where the stack gives Langfuse's queue a Redis of its own, it gets a database of its own on this server.
        wanted = {URL: secret, QUEUE_URL: url(port, password, database=1)}
        changed = {
            name: wanted[name]
            for name in names(workspace)
            if not workspace.vault.has(name) or workspace.vault.get(name) != wanted[name]
        }
        if changed:
            workspace.vault.put(changed, origin="provisioned")
        folder = self.layout.data(NAME)
        make_private(folder)
        text = configuration(folder, port, workspace.stack.redis.max_memory_mb, password)
        if text != self._inputs():
            write_private(folder / "valkey.conf", text)
        write_environment(self.layout, NAME, {})
        # Started anew also when somebody has changed its settings by hand: the file is what holds.
        if self.rehearsal.standing(program(self.layout), text).satisfied and not self.look(workspace).satisfied:
            self.rehearsal.supervisor.stop(NAME)
        self.rehearsal.start(program(self.layout), lambda: answers(secret), say, inputs=[text])


def names(workspace: Workspace) -> tuple[str, ...]:
    """The secrets that hold URLs of this server."""
    return (URL, QUEUE_URL) if workspace.stack.redis.queue_name else (URL,)


def password_of(secret: Secret) -> str:
    """The password in a URL."""
    return unquote(urlsplit(secret.reveal()).password or "")


def answers(secret: Secret) -> bool:
    """Whether it answers with this password, and is not still reading its data."""
    try:
        return redis_wire.ask(secret, ("PING",), timeout=ANSWER_S) == ["PONG"]
    except (redis_wire.Refused, OSError):
        return False
