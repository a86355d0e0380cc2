"""Phase 1: Setup. Folders, secrets, the schema in the shared Postgres, the managed Redis."""

from __future__ import annotations

import os
import stat

from ops.phases import late
from ops.runbook.step import Look, Say, Step, drifted, missing, satisfied
from ops.world import World


def look_structure(world: World) -> Look:
    """The folders of the stack, and a vault folder nobody else can read."""
    absent = [folder for folder in _folders(world) if not (world.paths.root / folder).is_dir()]
    if absent:
        return missing(f"no {', '.join(absent)}")
    for folder in (world.paths.state, world.target.vault.parent):
        if not folder.is_dir():
            return missing(f"no {folder.relative_to(world.paths.root)}")
        mode = stat.S_IMODE(folder.stat().st_mode)
        if mode & 0o077:
            return drifted(f"{folder.relative_to(world.paths.root)} is open to others", f"{mode:04o} → 0700")
    return satisfied(f"{world.stack.stack.folder}/{{bin,config}} and private state folders")


def make_structure(world: World, say: Say) -> None:
    """Make what is missing and close what is open."""
    for folder in _folders(world):
        (world.paths.root / folder).mkdir(parents=True, exist_ok=True)
    for private in (world.paths.state, world.target.vault.parent):
        private.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.chmod(private, 0o700)


def _folders(world: World) -> list[str]:
    base = world.stack.stack.folder
    return [f"{base}/bin", f"{base}/config", "docs/runbooks"]


def look_redis(world: World) -> Look:
    """The managed Redis, as this target has it."""
    return world.target.redis.look(world)


def make_redis(world: World, say: Say) -> None:
    """Create it; its URL goes into the vault."""
    world.target.redis.act(world, say)


STEPS: tuple[Step[World], ...] = (
    Step(
        "1.1",
        "setup.structure",
        "Create the folders",
        "the folders of the stack, and private ones for state and vault",
        look_structure,
        make_structure,
    ),
    Step(
        "1.2",
        "setup.secrets",
        "Generate the secrets",
        "makes missing secrets in the vault, takes given ones from .env, changes none that is there",
        late.look("ops.vault.setup:look"),
        late.act("ops.vault.setup:act"),
        needs=("setup.structure",),
    ),
    Step(
        "1.3",
        "setup.schema",
        "Create the Postgres schema",
        "our schema and a role that reaches nothing else; every other schema is fingerprinted before and after",
        late.look("ops.services.postgres.setup:look"),
        late.act("ops.services.postgres.setup:act"),
        needs=("setup.secrets",),
    ),
    Step(
        "1.4",
        "setup.redis",
        "Create the managed Redis",
        "fixed plan, eviction off; its URL goes into the vault",
        look_redis,
        make_redis,
        needs=("setup.secrets",),
    ),
)
