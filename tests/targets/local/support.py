"""A rehearsal's deployment in a folder of its own, with a vault as the first phase leaves it."""

from __future__ import annotations

from pathlib import Path

from ops.description.paths import ROOT
from ops.runbook.secret import Secret
from ops.runbook.step import Say
from ops.session.compose import compose
from ops.targets.deployment import Deployment
from ops.targets.local import operate
from ops.targets.local.target import Local
from ops.vault import setup

STACK = ROOT / "ops" / "stack.toml"


def quiet(text: str) -> None:
    """Progress nobody reads."""


def deployment(root: Path, **environ: str) -> Deployment:
    """A rehearsal whose checkout is `root`; nothing runs, nothing is written."""
    return compose("local", {"RUNBOOK_STACK": str(STACK), **environ}, root)


def local(of: Deployment) -> Local:
    """Its target."""
    assert isinstance(of.target, Local)
    return of.target


def status(of: Deployment) -> list[operate.Server]:
    """What of it runs."""
    return operate.status(local(of).rehearsal)


def logs(of: Deployment, name: str, lines: int = 50) -> list[str]:
    """What a server of it said last."""
    return operate.logs(local(of).rehearsal, of.vault, name, lines)


def down(of: Deployment, say: Say = quiet, *, purge: bool = False) -> list[str]:
    """Stop it; the names of what was stopped."""
    return operate.down(local(of).rehearsal, of.vault, say, purge=purge)


def fill_vault(of: Deployment) -> None:
    """Everything the vault holds once phase 1 is through, with made-up servers."""
    setup.act(of.inventory, quiet)
    place = "postgresql://postgres:admin-password@127.0.0.1"
    of.vault.put(
        {
            "SUPABASE_DIRECT_URL": Secret(f"{place}:20001/postgres?sslmode=disable"),
            "SUPABASE_POOLED_URL": Secret(f"{place}:20002/postgres?sslmode=disable"),
            "REDIS_URL": Secret("redis://default:redis-password@127.0.0.1:20003/0"),
        },
        origin="provisioned",
    )
