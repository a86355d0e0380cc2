"""What an app's machines are to be, read from its rendered fly.toml, the file that is deployed."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ops.runbook.errors import RunbookError
from ops.targets.fly import image, machine_config
from ops.targets.fly.image import Image
from ops.targets.fly.machine_config import ONLY_GROUP

if TYPE_CHECKING:
    from ops.targets.workspace import Workspace


class Wanted(msgspec.Struct, frozen=True):
    """The described state of one app's machines.

    Attributes:
        config: its fly.toml.
        digest: of that file.
        groups: how many machines each process group has.
        machines: what each group's machines are, as the Machines API shows it.
        region: where.
        first: the group that must be healthy before the others are touched; empty for none.
        public: whether the app may have public addresses.
    """

    app: str
    config: Path
    digest: str
    image: Image
    groups: Mapping[str, int]
    machines: Mapping[str, Mapping[str, Any]]
    region: str
    first: str = ""
    public: bool = False


def gateway(workspace: Workspace) -> Wanted:
    """The gateway app. Langfuse's UI migrates its databases at start, so it goes first, alone."""
    counts = {name: group.count for name, group in workspace.stack.groups.items()}
    return _read(
        workspace, "fly.toml", workspace.stack.fly.app, image.gateway(workspace), counts, first="ui", public=True
    )


def clickhouse(workspace: Workspace) -> Wanted:
    """The ClickHouse app: one machine."""
    toml = "clickhouse/fly.toml"
    return _read(workspace, toml, workspace.stack.clickhouse.app, image.clickhouse(workspace), {ONLY_GROUP: 1})


def storage(workspace: Workspace) -> Wanted:
    """The MinIO app: one machine."""
    return _read(workspace, "minio/fly.toml", workspace.stack.storage.app, image.storage(workspace), {ONLY_GROUP: 1})


def _read(
    workspace: Workspace,
    name: str,
    app: str,
    made: Image,
    counts: Mapping[str, int],
    *,
    first: str = "",
    public: bool = False,
) -> Wanted:
    file = workspace.gateway_dir / name
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
        machines={group: machine_config.of_group(content, group) for group in counts},
        region=str(content.get("primary_region", workspace.stack.fly.region)),
        first=first,
        public=public,
    )
