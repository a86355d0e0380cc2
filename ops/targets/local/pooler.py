"""The pooled port: a real pgbouncer where one is installed, else a plain forward; the evidence says which."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ops.runbook import proc
from ops.runbook.errors import RunbookError
from ops.runbook.step import Look, Say, drifted, missing, satisfied
from ops.targets.local import identity, postgres
from ops.targets.local.layout import Layout, make_private, read, write_private
from ops.targets.local.patience import ANSWER_S
from ops.targets.local.ports import loopback
from ops.targets.local.program import Program
from ops.targets.local.variables import write_environment

if TYPE_CHECKING:
    from ops.targets.local.rehearsal import Rehearsal
    from ops.targets.workspace import Workspace

NAME = "pooler"
FORWARD = Path(__file__).with_name("forward.py")
_AUTH_QUERY = "SELECT usename, passwd FROM pg_shadow WHERE usename = $1"


def pgbouncer(chosen: identity.Home) -> str:
    """Path of a pgbouncer that can be run here, else empty.

    It refuses root, so as root it needs the way Postgres runs; an account of its own cannot read our folders.
    """
    found = shutil.which("pgbouncer")
    if found is None or chosen.way == "account":
        return ""
    try:
        return found if proc.run([found, "--version"], check=False, timeout=ANSWER_S).returncode == 0 else ""
    except RunbookError:
        return ""


def configuration(folder: Path, port: int, postgres_port: int) -> str:
    """pgbouncer.ini: transaction pooling, as Supabase's pooler on 6543; passwords are checked against Postgres' own."""
    return (
        f"[databases]\n* = host=127.0.0.1 port={postgres_port}\n\n"
        f"[pgbouncer]\nlisten_addr = {','.join(loopback())}\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = scram-sha-256\nauth_file = {folder / 'userlist.txt'}\nauth_user = {postgres.ADMIN}\n"
        f"auth_query = {_AUTH_QUERY}\n"
        "pool_mode = transaction\nmax_client_conn = 200\ndefault_pool_size = 10\n"
        "ignore_startup_parameters = extra_float_digits\n"
    )


class Pooler:
    """Step 0.4: the pooled port and SUPABASE_POOLED_URL in the rehearsal's vault."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self.rehearsal = rehearsal
        self.layout: Layout = rehearsal.layout

    def _kind(self) -> str:
        return (read(self.layout.data(NAME) / "kind") or "").strip()

    def _program(self) -> Program:
        ports = self.rehearsal.ports
        program = self._kind()
        if program:
            home = identity.home(self.layout)
            prefix = home.prefix if home else ()
            command = (*prefix, program, str(self.layout.data(NAME) / "pgbouncer.ini"))
            # It answers the signal that stops it with exit code 1.
            return Program(NAME, command, (NAME,), stop_signal="TERM", exit_codes=(0, 1), priority=30)
        ends = ("--listen", str(ports.peek(NAME)), "--to", str(ports.peek(identity.NAME)))
        return Program(NAME, (sys.executable, "-I", "-S", str(FORWARD), *ends), (NAME,), priority=30)

    def _inputs(self) -> tuple[str, str]:
        folder = self.layout.data(NAME)
        return read(folder / "pgbouncer.ini") or "", read(folder / "userlist.txt") or ""

    def look(self, workspace: Workspace) -> Look:
        """Whether the pooled port is served, and the vault's URL leads through it."""
        found = self.rehearsal.standing(self._program(), *self._inputs())
        if not found.satisfied:
            return found
        if not (workspace.vault.has(postgres.POOLED) and workspace.vault.has(postgres.DIRECT)):
            return missing(f"{postgres.POOLED} is not in the rehearsal's vault")
        secret, direct = workspace.vault.get(postgres.POOLED), workspace.vault.get(postgres.DIRECT)
        port = self.rehearsal.ports.peek(NAME)
        if secret != postgres.url(port, postgres.password_of(direct)):
            return drifted(f"{postgres.POOLED} is not port {port} with the server's password")
        if not postgres.answers(secret):
            return drifted(f"login through 127.0.0.1:{port} fails")
        return satisfied(f"{self._said()} on 127.0.0.1:{port}")

    def act(self, workspace: Workspace, say: Say) -> None:
        """Write its configuration, put its URL into the vault, and start it.

        Raises:
            RunbookError: LOCAL-003 a stranger has its port; LOCAL-004 there is no Postgres, or no supervisor;
                LOCAL-005 it does not come up.
        """
        home = identity.home(self.layout)
        if home is None:
            raise RunbookError("LOCAL-004", "there is no Postgres to stand before", next="inv deploy.all")
        folder = self.layout.data(NAME)
        make_private(folder)
        port = self.rehearsal.free_port(NAME)
        password = postgres.password_of(workspace.vault.get(postgres.DIRECT))
        secret = postgres.url(port, password)
        if not workspace.vault.has(postgres.POOLED) or workspace.vault.get(postgres.POOLED) != secret:
            workspace.vault.put({postgres.POOLED: secret}, origin="provisioned")
        program = pgbouncer(home)
        write_private(folder / "kind", program + "\n")
        if program:
            quoted = password.replace('"', '""')
            write_private(folder / "userlist.txt", f'"{postgres.ADMIN}" "{quoted}"\n')
            postgres_port = self.rehearsal.ports.get(identity.NAME)
            write_private(folder / "pgbouncer.ini", configuration(folder, port, postgres_port))
        say(f"the pooled port is a {self._said()}")
        write_environment(self.layout, NAME, {})
        self.rehearsal.start(self._program(), lambda: postgres.answers(secret), say, inputs=self._inputs())

    def _said(self) -> str:
        if self._kind():
            return "pgbouncer (transaction pooling)"
        return "plain forward (no pgbouncer here: nothing is pooled)"
