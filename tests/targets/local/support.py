"""A rehearsal's world in a folder of its own, with a vault as the first phase leaves it."""

from __future__ import annotations

from pathlib import Path

from ops.runbook.secret import Secret
from ops.targets.local import Local
from ops.vault import setup
from ops.world import ROOT, World

STACK = ROOT / "ops" / "stack.toml"


def quiet(text: str) -> None:
    """Progress nobody reads."""


def world(root: Path, **environ: str) -> World:
    """A rehearsal whose checkout is `root`; nothing runs, nothing is written."""
    return World("local", {"RUNBOOK_STACK": str(STACK), **environ}, root)


def local(of: World) -> Local:
    """Its target."""
    assert isinstance(of.target, Local)
    return of.target


def fill_vault(of: World) -> None:
    """Everything the vault holds once phase 1 is through, with made-up servers."""
    setup.act(of, quiet)
    place = "postgresql://postgres:admin-password@127.0.0.1"
    of.vault.put(
        {
            "SUPABASE_DIRECT_URL": Secret(f"{place}:20001/postgres?sslmode=disable"),
            "SUPABASE_POOLED_URL": Secret(f"{place}:20002/postgres?sslmode=disable"),
            "REDIS_URL": Secret("redis://default:redis-password@127.0.0.1:20003/0"),
        },
        origin="provisioned",
    )
