"""A world small enough for the vault: a stack, a target, settings, a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from ops.runbook.secret import Secret
from ops.stack import Stack, read
from ops.vault import Vault
from ops.world import ROOT, Paths, World

STACK = read(ROOT / "ops" / "stack.toml", {})
REF = "abcdefghijklmnopqrst"


class SmallWorld:
    """What the vault's functions ask of a world."""

    def __init__(
        self, folder: Path, target: str = "fly", environ: Mapping[str, str] | None = None, stack: Stack = STACK
    ) -> None:
        self.target_name = target
        self.environ = dict(environ or {})
        self.stack = stack
        self.vault = Vault(folder / target / "vault.json", target=target)
        self.paths = Paths(folder, folder / "state", folder / "stack.toml")


def world(folder: Path, target: str = "fly", environ: Mapping[str, str] | None = None, stack: Stack = STACK) -> World:
    """A small world, typed as the real one."""
    return cast(World, SmallWorld(folder, target, environ, stack))


def given() -> dict[str, str]:
    """Settings as an operator writes them into `.env`, every value well-formed."""
    return {
        "OPENAI_API_KEY": "sk-proj-" + "a1B2" * 8,
        "SUPABASE_DIRECT_URL": f"postgresql://postgres:word-of-shop@db.{REF}.supabase.co:5432/postgres",
        "SUPABASE_POOLED_URL": (
            f"postgresql://postgres.{REF}:word-of-shop@aws-0-us-east-2.pooler.supabase.com:6543/postgres"
        ),
        "FLY_API_TOKEN": "FlyV1 fm2_" + "c3D4" * 8,
    }


def provisioned() -> dict[str, Secret]:
    """What later steps bring, for tests that need a full vault."""
    return {"REDIS_URL": Secret("redis://default:of-the-redis@fly-cache.upstash.io:6379")}
