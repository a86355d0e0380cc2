"""A vault for a stack and a target, with settings to take secrets from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ops.description.paths import ROOT
from ops.description.read import read
from ops.description.stack import Stack
from ops.runbook.secret import Secret
from ops.vault import Vault
from ops.vault.inventory import Inventory

STACK = read(ROOT / "ops" / "stack.toml", {})
REF = "abcdefghijklmnopqrst"


def inventory(
    folder: Path, target: str = "fly", environ: Mapping[str, str] | None = None, stack: Stack = STACK
) -> Inventory:
    """A vault in a folder, for a stack and a target, with these settings."""
    vault = Vault(folder / target / "vault.json", target=target)
    return Inventory(vault, stack, dict(environ or {}), folder / ".env")


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
