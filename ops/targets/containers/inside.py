"""Addresses as seen from this machine, which the vault keeps, and as seen from within the private network."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ops.targets.containers.project import Project

POSTGRES, POOLER, REDIS = "postgres", "pooler", "redis"
INSIDE = {POSTGRES: 5432, POOLER: 5432, REDIS: 6379}


def from_within(project: Project, value: str) -> str:
    """A URL of one of our servers with its name on the private network; anything else as it is."""
    known = project.ports.known()
    for name, port in INSIDE.items():
        if name in known:
            value = value.replace(f"@127.0.0.1:{known[name]}/", f"@{project.host(name)}:{port}/")
    return value
