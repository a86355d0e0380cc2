"""What an app's machines are to be: read from its rendered fly.toml, the very file that is deployed."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ops.runbook.errors import RunbookError
from ops.targets.fly import image
from ops.targets.fly.image import Image

if TYPE_CHECKING:
    from ops.world import World

ONLY_GROUP = "app"  # what flyctl calls the one group of an app that names none


class Size(msgspec.Struct, frozen=True):
    """A machine's size."""

    cpus: int
    memory_mb: int


class Wanted(msgspec.Struct, frozen=True):
    """The described state of one app's machines.

    Attributes:
        config: its fly.toml.
        digest: of that file.
        groups: how many machines each process group has.
        sizes: what each group's machines are.
        env: variables every machine has.
        first: the group that must be healthy before the others are touched; empty for none.
        public: whether the app may have public addresses.
    """

    app: str
    config: Path
    digest: str
    image: Image
    groups: Mapping[str, int]
    sizes: Mapping[str, Size]
    env: Mapping[str, str]
    first: str = ""
    public: bool = False


def gateway(world: World) -> Wanted:
    """The gateway app: four groups. Langfuse's UI migrates its databases at start, so it goes first, alone."""
    groups = world.stack.fly.groups
    counts = {
        "edge": groups.edge.count,
        "gateway": groups.gateway.count,
        "ui": groups.ui.count,
        "worker": groups.worker.count,
    }
    return _read(world, "fly.toml", world.stack.fly.app, image.gateway(world), counts, first="ui", public=True)


def clickhouse(world: World) -> Wanted:
    """The ClickHouse app: one machine."""
    toml = "clickhouse/fly.toml"
    return _read(world, toml, world.stack.clickhouse.app, image.clickhouse(world), {ONLY_GROUP: 1})


def storage(world: World) -> Wanted:
    """The MinIO app: one machine."""
    return _read(world, "minio/fly.toml", world.stack.storage.app, image.storage(world), {ONLY_GROUP: 1})


def _read(
    world: World,
    name: str,
    app: str,
    made: Image,
    counts: Mapping[str, int],
    *,
    first: str = "",
    public: bool = False,
) -> Wanted:
    file = world.gateway_dir / name
    try:
        text = file.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise RunbookError(
            "FLY-042",
            f"{name} cannot be read: {type(error).__name__}",
            why="it is rendered in step 2.4 and deployed as it lies on disk",
            next="inv build.all",
        ) from None
    return Wanted(
        app=app,
        config=file,
        digest=hashlib.sha256(text.encode()).hexdigest()[:16],
        image=made,
        groups=counts,
        sizes={group: _size(content, group) for group in counts},
        env={str(key): str(value) for key, value in content.get("env", {}).items()},
        first=first,
        public=public,
    )


def _size(content: Mapping[str, Any], group: str) -> Size:
    """The size fly.toml gives a group: its own [[vm]], or the one that names no group."""
    for table in content.get("vm", []):
        if group in table.get("processes", [group]):
            return Size(int(table.get("cpus", 1)), _megabytes(str(table.get("memory", "256mb"))))
    return Size(1, 256)


def _megabytes(text: str) -> int:
    """`2048mb` or `2gb` in MB."""
    lower = text.strip().lower()
    if lower.endswith("gb"):
        return int(float(lower[:-2]) * 1024)
    return int(float(lower.removesuffix("mb")))
