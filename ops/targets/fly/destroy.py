"""Taking production down: apps, volumes, managed Redis. The schema in Postgres and the vault stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.runbook.errors import RunbookError
from ops.runbook.step import Say
from ops.services import dns
from ops.targets.fly.app import apps
from ops.targets.fly.domains import hosts
from ops.targets.fly.redis import databases
from ops.targets.fly.secrets import DIRECT

if TYPE_CHECKING:
    from ops.targets.fly.account import Account
    from ops.targets.fly.secrets import Secrets
    from ops.targets.workspace import Workspace


def confirm(workspace: Workspace, said: str) -> None:
    """Go on only if the operator has typed the app's name.

    Raises:
        RunbookError: FLY-049 something else, or nothing, was typed.
    """
    app = workspace.stack.fly.app
    if said.strip() != app:
        raise RunbookError(
            "FLY-049",
            "nothing was destroyed" + (f": '{said.strip()}' is not the app's name" if said.strip() else ""),
            why=f"this destroys {', '.join(apps(workspace))} with all their volumes, and the managed Redis",
            next=f"inv deploy.destroy --name {app} --target fly",
            blocked=True,
        )


def destroy(workspace: Workspace, account: Account, secrets: Secrets, say: Say) -> list[str]:
    """Destroy everything the stack has at Fly. Safe to be killed and repeated.

    Returns:
        Names of what was destroyed.
    """
    done, left = [], _records_left(workspace)
    with account.acting() as client:
        there = account.apps()
        for app in apps(workspace):
            if app in there:
                say(f"destroying {app}")
                client.destroy_app(app)
                done.append(app)
            for section in ("deployed", "secrets", "volumes", "contents"):
                account.memory.forget(section, app)
            if workspace.vault.exists:
                workspace.vault.forget_sent(app)
        redis = account.databases()
        for name in databases(workspace):
            if name in redis:
                say(f"deleting the managed Redis {name}")
                client.redis.delete(name)
                done.append(name)
    secrets.set_stage(workspace, DIRECT)
    for record in left:
        say(f"remove at your DNS provider: {record}")
    return done


def _records_left(workspace: Workspace) -> list[str]:
    """The records of the public names: with nothing behind them, a stranger's app could come to answer for them."""
    try:
        resolver = dns.resolver_of(workspace.environ)
    except RunbookError:
        return []  # nobody to ask, and no reason not to destroy
    left = []
    for host in hosts(workspace):
        found = dns.look_up(host, resolver)
        kinds = (("A", found.a), ("AAAA", found.aaaa))
        left += [f"{host}.  {kind:<5} {address}" for kind, addresses in kinds for address in addresses]
        for kind, name in (("CNAME", f"_acme-challenge.{host}"), ("TXT", f"_fly-ownership.{host}")):
            left += [f"{name}.  {kind:<5} {value}" for value in dns.records(name, kind, resolver)]
    return left
