"""What a command could change: files, Redis, Postgres; read whole, to be compared."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import psycopg
import redis
from redis.typing import ResponseT

# What a command needs to be understood at all; with whatever makes it do the most.
OPTIONS: dict[str, list[str]] = {
    "phase": ["--n", "3"],
    "explain": ["CLI-001"],
    "vault.get": ["ADMIN_KEY"],
    "vault.rotate": ["ADMIN_KEY", "--yes"],
    "vault.remove": ["OLD_KEY"],
    "cache.purge": ["--team", "admin"],
    "cache.wrong": ["--entry", "semantic:1"],
    "cache.off": ["--tier", "semantic"],
    "cache.on": ["--tier", "semantic"],
    "teams.freeze": ["--team", "admin"],
    "teams.thaw": ["--team", "admin"],
    "local.down": ["--purge"],
    "test.quota": ["--key", "probe"],
    "dev.bench": ["semantic_quality"],
    "deploy.run": ["true"],
    "deploy.scale": ["--group", "gateway", "--count", "2"],
    "deploy.destroy": ["--name", "hotdash-llm-gateway"],
    "progress.drop": ["1"],
}
# The servers write these all the time, flyctl its notes, and Python what it has compiled.
FOREIGN = {"data", "logs", "flyctl", ".venv", ".venv-gateway", ".venv-rehearsal", ".venv-dev", "__pycache__"}
SHORT_LIVED_MS = 120_000
GATEWAYS_OWN = (b"gw:tally:", b"gw:limits:", b"gw:history:")


def files(*roots: Path) -> dict[str, Any]:
    """Every file and folder below, with content, mode and time."""
    found: dict[str, Any] = {}
    for root in roots:
        for path in [root, *root.rglob("*")]:
            if FOREIGN & set(path.relative_to(root).parts) or path.is_symlink() or path.is_socket():
                continue
            info = path.stat()
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            found[str(path)] = (content, info.st_mode, info.st_mtime_ns if path.is_file() else 0)
    return found


def difference(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The names of what is new, gone or changed."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def keys(url: str) -> dict[bytes, ResponseT]:
    """Every key that stays for a while, with its value.

    Not what gateways write by themselves for a while after traffic: sums that follow, windows that pass. Whatever a
    command makes a gateway do leaves more than these behind.
    """
    with redis.Redis.from_url(url) as client:
        lasting = [key for key in client.scan_iter() if not 0 <= client.pttl(key) < SHORT_LIVED_MS]
        return {key: client.dump(key) for key in lasting if not key.startswith(GATEWAYS_OWN)}


def rows(url: str) -> list[tuple[Any, ...]]:
    """Every table with what has been written to it, every role and every grant of a schema."""
    with psycopg.connect(url) as connection:
        return [
            *connection.execute(
                "SELECT schemaname, relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables ORDER BY 1, 2"
            ),
            *connection.execute("SELECT rolname, rolpassword FROM pg_authid ORDER BY 1"),
            *connection.execute("SELECT nspname, nspacl::text FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1"),
        ]
