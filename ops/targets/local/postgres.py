"""The rehearsal's Postgres: a real server from a wheel, on loopback, with a password, as an unprivileged user."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from ops.runbook import proc
from ops.runbook.secret import Secret
from ops.runbook.step import Look, Say, drifted, missing, satisfied
from ops.targets.local.identity import NAME, Home, choose, home, said
from ops.targets.local.identity import binaries as binaries
from ops.targets.local.layout import Layout, make_private
from ops.targets.local.patience import ANSWER_S
from ops.targets.local.ports import loopback
from ops.targets.local.program import Program
from ops.targets.local.variables import base_environment, write_environment

if TYPE_CHECKING:
    from ops.targets.local.rehearsal import Rehearsal
    from ops.targets.workspace import Workspace

ADMIN = "postgres"
DATABASE = "postgres"
DIRECT, POOLED = "SUPABASE_DIRECT_URL", "SUPABASE_POOLED_URL"


def program(layout: Layout, chosen: Home, port: int) -> Program:
    """The server in the foreground, on both loopback addresses and without a socket file."""
    command = (
        *chosen.prefix,
        str(chosen.bin / "postgres"),
        *("-D", str(chosen.data), "-p", str(port)),
        *("-c", f"listen_addresses={','.join(loopback())}", "-c", "unix_socket_directories="),
        *("-c", "max_connections=60", "-c", "shared_buffers=32MB", "-c", "log_connections=off"),
    )
    # INT is its fast shutdown; TERM would wait for clients.
    return Program(NAME, command, (NAME,), user=chosen.user, stop_signal="INT", stop_s=20, priority=20)


def url(port: int, password: str) -> Secret:
    """The administrator's connection URL. The server has no TLS, and the URL says so."""
    return Secret(f"postgresql://{ADMIN}:{quote(password, safe='')}@127.0.0.1:{port}/{DATABASE}?sslmode=disable")


def password_of(secret: Secret) -> str:
    """The password inside a connection URL."""
    return unquote(urlsplit(secret.reveal()).password or "")


def connects(secret: Secret) -> str:
    """Log in with a connection URL and give the server's version.

    Raises:
        psycopg.OperationalError: nobody there, still starting, or wrong password.
    """
    import psycopg

    with psycopg.connect(secret.reveal(), connect_timeout=int(ANSWER_S), autocommit=True) as connection:
        row = connection.execute("SHOW server_version").fetchone()
    return str(row[0]) if row else ""


def answers(secret: Secret) -> bool:
    """Whether a login with this URL works now."""
    import psycopg

    try:
        return bool(connects(secret))
    except psycopg.OperationalError:
        return False


def is_refused(secret: Secret) -> bool:
    """Whether the server is there and refuses the password (and is not just starting)."""
    import psycopg

    try:
        connects(secret)
    except psycopg.OperationalError as error:
        return "password authentication failed" in str(error)
    return False


class PostgresServer:
    """Step 0.3: the server, its administrator and SUPABASE_DIRECT_URL in the rehearsal's vault."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self.rehearsal = rehearsal
        self.layout = rehearsal.layout

    def look(self, workspace: Workspace) -> Look:
        """Whether the server runs and the vault's URL connects to it."""
        chosen = home(self.layout)
        if chosen is None or not self._has_data(chosen):
            return missing("no database cluster yet")
        port = self.rehearsal.ports.peek(NAME)
        found = self.rehearsal.standing(program(self.layout, chosen, port))
        if not found.satisfied:
            return found
        if not workspace.vault.has(DIRECT):
            return missing(f"{DIRECT} is not in the rehearsal's vault")
        secret = workspace.vault.get(DIRECT)
        if urlsplit(secret.reveal()).port != port:
            return drifted(f"{DIRECT} names another port than {port}")
        import psycopg

        try:
            version = connects(secret)
        except psycopg.OperationalError as error:
            return drifted(f"login on 127.0.0.1:{port} fails: {str(error).strip().splitlines()[-1]}")
        return satisfied(f"Postgres {version} on 127.0.0.1:{port}, run by {said(chosen)}")

    def act(self, workspace: Workspace, say: Say) -> None:
        """Make the cluster if there is none, put its URL into the vault, start it, and set the vault's password.

        Raises:
            RunbookError: LOCAL-003 a stranger has its port; LOCAL-004 no supervisor; LOCAL-005 it does not come up.
        """
        chosen = choose(self.layout, say)
        port = self.rehearsal.free_port(NAME)
        # The password goes to the vault before the cluster is made with it: it can never be lost between the two.
        known = workspace.vault.get(DIRECT) if workspace.vault.has(DIRECT) else None
        password = password_of(known) if known else secrets.token_urlsafe(24)
        secret = url(port, password)
        if known != secret:
            workspace.vault.put({DIRECT: secret}, origin="provisioned")
        if not self._has_data(chosen):
            self._initialise(chosen, password, say)
        write_environment(self.layout, NAME, {})
        if not self.rehearsal.runs(NAME):
            _drop_stale_lock(chosen.data)
        definition = program(self.layout, chosen, port)
        ready: Callable[[], bool] = lambda: answers(secret) or is_refused(secret)  # noqa: E731 - named for its type
        self.rehearsal.start(definition, ready, say)
        if is_refused(secret):
            self._set_password(chosen, password, say)
            self.rehearsal.start(definition, lambda: answers(secret), say)

    def _has_data(self, chosen: Home) -> bool:
        return (chosen.data / "PG_VERSION").exists()

    def _run(self, chosen: Home, words: list[str | Path], input: bytes | None = None) -> None:
        command: list[str | Path] = [*chosen.prefix, *words]
        environment = base_environment(self.layout)
        if chosen.user:
            command = [shutil.which("setpriv") or "setpriv", f"--reuid={chosen.user}", "--clear-groups", *command]
            account = pwd.getpwnam(chosen.user)
            command.insert(2, f"--regid={account.pw_gid}")
        proc.run(command, env=environment, cwd="/", input=input, timeout=120)

    def _initialise(self, chosen: Home, password: str, say: Say) -> None:
        """Make the cluster beside its place and move it there when it is whole."""
        say("making a database cluster")
        if chosen.user:
            parent = chosen.data.parent
        else:
            parent = self.layout.data(NAME)
            make_private(parent)
        _remove_leftovers(parent)
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=".new"))
        try:
            file = folder / "password"
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
                stream.write(password)
            if chosen.user:
                account = pwd.getpwnam(chosen.user)
                for path in (folder, file):
                    os.chown(path, account.pw_uid, account.pw_gid)
            words: list[str | Path] = [chosen.bin / "initdb", "-D", folder / "data", "-U", ADMIN, f"--pwfile={file}"]
            # Not synced: a crash of the machine in this second means making it again.
            words += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
            self._run(chosen, words)
            if chosen.data.exists():
                shutil.rmtree(chosen.data)
            os.replace(folder / "data", chosen.data)
        finally:
            _remove_leftovers(parent)

    def _set_password(self, chosen: Home, password: str, say: Say) -> None:
        """The vault was lost or replaced: give the administrator the vault's password, without a login."""
        say("the vault's password is not the server's: setting it")
        self.rehearsal.supervisor.stop(NAME)
        statement = f"ALTER ROLE {ADMIN} PASSWORD '{password.replace(chr(39), chr(39) * 2)}'\n"
        words: list[str | Path] = [chosen.bin / "postgres", "--single", "-D", chosen.data, DATABASE]
        self._run(chosen, words, input=statement.encode())


def _remove_leftovers(parent: Path) -> None:
    """Remove half-made clusters, this run's and those of killed ones.

    The initdb of a killed run may still be writing (or removing) its own: what it takes from under us is no error, and
    what it leaves goes the next time this is called, at the end of our own initdb.
    """
    for leftover in parent.glob(".new*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _drop_stale_lock(data: Path) -> None:
    """Remove the lock file of a postmaster that is gone, where its number now names something else.

    Postgres itself only asks whether a process of that number exists: after a reboot, or while the dead one has not
    been collected by its parent, it would refuse to start.
    """
    file = data / "postmaster.pid"
    with contextlib.suppress(OSError, ValueError, IndexError):
        pid = int(file.read_text().splitlines()[0])
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if str(data).encode() not in words:
            file.unlink()
