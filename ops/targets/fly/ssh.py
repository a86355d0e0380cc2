"""A shell in a machine, by Fabric: an SSH certificate of an hour's life, through a tunnel.

`machines exec` gives no shell, ends after a minute and takes no input; this does. The host's key is not checked:
the tunnel ends at the machine itself, authenticated and encrypted by WireGuard.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ops.runbook.errors import RunbookError
from ops.runbook.secret import redactor
from ops.runbook.step import Say
from ops.targets.fly.seen import Gone
from ops.targets.fly.tunnel import tunnel

if TYPE_CHECKING:
    from fabric import Connection

    from ops.targets.fly.account import Account

USER = "root"
PORT = 22
CONNECT_S = 20


@contextlib.contextmanager
def shell(account: Account, app: str, group: str, say: Say) -> Iterator[Connection]:
    """A Fabric connection into a started machine of a group.

    Raises:
        RunbookError: FLY-012 no such machine runs, FLY-046 no tunnel, FLY-050 it does not let us in.
    """
    try:
        started = [seen for seen in account.machines(app) if seen.machine.state == "started"]
    except Gone:
        started = []
    chosen = [seen for seen in started if not group or seen.machine.group == group]
    if not chosen:
        raise RunbookError(
            "FLY-012", f"{app} has no started machine of '{group}'", next="inv deploy.status --target fly"
        )
    machine = chosen[0].machine.id
    with credential(account) as key, tunnel(account, app, f"{machine}.vm.{app}.internal", PORT, say) as address:
        yield from _connected(address, key, machine)


@contextlib.contextmanager
def credential(account: Account) -> Iterator[Path]:
    """A private key with its certificate beside it, valid for an hour; removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="ssh-", dir=account.client.cli.state.parent))
    try:
        key = folder / "key"
        words = ("ssh", "issue", account.org, str(key), "--hours", "1", "--username", USER)
        account.client.cli.run("asking for an SSH certificate", *words)
        yield key
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _connected(address: str, key: Path, machine: str) -> Iterator[Connection]:
    from fabric import Connection
    from paramiko import MissingHostKeyPolicy
    from paramiko.ssh_exception import SSHException

    host, _, port = address.rpartition(":")
    connection = Connection(
        host,
        user=USER,
        port=int(port),
        connect_timeout=CONNECT_S,
        connect_kwargs={"key_filename": str(key), "look_for_keys": False, "allow_agent": False},
    )
    connection.client.set_missing_host_key_policy(MissingHostKeyPolicy())
    try:
        connection.open()
    except (SSHException, OSError) as error:
        raise RunbookError(
            "FLY-050",
            f"machine {machine} does not let us in: {type(error).__name__}",
            why=redactor(str(error)),
            next="flyctl ssh console, to see what it says",
        ) from None
    with connection:
        yield connection


def run(account: Account, app: str, group: str, command: str, say: Say) -> int:
    """Run a shell command in a machine, its output on ours; returns its exit code."""
    with shell(account, app, group, say) as connection:
        done = connection.run(command, warn=True, hide=False, in_stream=False)
        return int(done.exited)
