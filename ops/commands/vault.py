"""Commands for the vault: what it holds, replacing a value, what is wrong in it."""

from __future__ import annotations

import sys
from typing import Any

from invoke import Context, Exit, Task

from ops.commands.dry import LOOKS, Says
from ops.commands.task import task
from ops.runbook.errors import EXIT_FAILED, RunbookError

NAME = "vault"


def vault_list(c: Context, target: str = "", json: bool = False) -> None:
    """The secrets: origin, age, readers, when they are due; never a value."""
    from ops.session.opening import open_deployment
    from ops.vault import report

    inventory = open_deployment(target).inventory
    print(report.as_json(inventory) if json else report.as_text(inventory))


def vault_get(c: Context, name: str, target: str = "") -> None:
    """One secret's value on standard output, for scripts: inv vault.get ADMIN_KEY."""
    from ops.session.opening import open_deployment
    from ops.vault.deliver import value_of

    sys.stdout.write(value_of(open_deployment(target).inventory, name).reveal())
    if sys.stdout.isatty():
        sys.stdout.write("\n")


def vault_rotate(c: Context, name: str, target: str = "", yes: bool = False) -> None:
    """Make a new value for a generated secret; says what to run next to bring it into service."""
    from ops.runbook.advice import advice
    from ops.session.opening import open_deployment
    from ops.vault import rotate

    print(advice(rotate.rotate(open_deployment(target).inventory, name, confirmed=yes)))


def _would_rotate(name: str, target: str = "", yes: bool = False) -> str:
    from ops.session.opening import open_deployment
    from ops.vault import rotate

    try:
        return rotate.rotate(open_deployment(target).inventory, name, confirmed=False)
    except RunbookError as error:
        if error.code != "VAULT-019":
            raise
        return "\n".join(filter(None, (error.what, error.why)))


def vault_audit(c: Context, target: str = "", json: bool = False) -> None:
    """Secrets overdue, malformed, missing or unknown; exit 1 if any."""
    from ops.session.opening import open_deployment
    from ops.vault import audit

    findings = audit.findings(open_deployment(target).inventory)
    print(audit.as_json(findings) if json else audit.as_text(findings))
    if findings:
        raise Exit(code=EXIT_FAILED)


def vault_remove(c: Context, name: str, target: str = "", yes: bool = False) -> None:
    """Take a secret out of the vault that the contract no longer knows, such as a removed team's key."""
    from ops.runbook.advice import advice
    from ops.session.opening import open_deployment
    from ops.vault import rotate

    print(advice(rotate.remove(open_deployment(target).inventory, name)))


def _would_remove(name: str, target: str = "") -> str:
    return f"{name} would be taken out of the vault; the vault as it was is kept beside it"


TASKS: tuple[Task[Any], ...] = (
    task(vault_list, "list", dry=LOOKS),
    task(vault_get, "get", dry=LOOKS, name="the secret's name"),
    task(vault_rotate, "rotate", dry=Says(_would_rotate), name="the secret's name", yes="do not ask"),
    task(vault_audit, "audit", dry=LOOKS),
    task(vault_remove, "remove", dry=Says(_would_remove), asks=True, name="the secret's name"),
)
