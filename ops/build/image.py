"""Building the gateway's image on this machine, from the very Dockerfile that Fly builds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ops.services.engine.building import Build, build
from ops.services.engine.engine import Engine, find
from ops.services.engine.image import Layer, layers

if TYPE_CHECKING:
    from ops.description.stack import Stack
    from ops.runbook.step import Say
    from ops.targets.workspace import Workspace

BASE_WEB, BASE_WORKER, BASE_CADDY = "RUNBOOK_BASE_WEB", "RUNBOOK_BASE_WORKER", "RUNBOOK_BASE_CADDY"
NEEDED_BYTES = 8_000_000_000  # both of Langfuse's images, two stages with all packages, and the image itself
NEEDED_WITH_BASES = 4_000_000_000


@dataclass(frozen=True)
class Built:
    """An image that was built.

    Attributes:
        engine: by whom.
        tag, id: its name, and what it is: the same where nothing differs.
        layers: oldest first.
        caveats: what keeps another build of the same files from having the same id.
    """

    engine: Engine
    tag: str
    id: str
    layers: Sequence[Layer]
    caveats: Sequence[str]


def bases(stack: Stack, environ: Mapping[str, str]) -> dict[str, str]:
    """Images of the engine to build on instead of the pinned ones, by the pinned name; empty when none are given."""
    images = stack.images
    pinned = {BASE_WEB: images.langfuse_web, BASE_WORKER: images.langfuse_worker, BASE_CADDY: images.caddy}
    return {pinned[name]: environ[name] for name in pinned if pinned[name] and environ.get(name)}


def build_image(workspace: Workspace, say: Say, *, tag: str = "", fresh: bool = False) -> Built:
    """Build the image; its own assertions run on the way.

    Args:
        tag: its name; by default the app's.
        fresh: without the cache of earlier builds.

    Raises:
        RunbookError: ENGINE-001 no engine, ENGINE-002 no answer, ENGINE-003 no room, ENGINE-006 the build failed.
    """
    engine = find(workspace.environ)
    instead = bases(workspace.stack, workspace.environ)
    needed = NEEDED_WITH_BASES if instead else NEEDED_BYTES
    engine.require_room(needed)
    free = engine.free_bytes
    room = f", {free / 1e9:.0f} GB free" if free is not None else ""
    say(f"building with {engine}: takes at most {needed / 1e9:.0f} GB of disk{room}")
    for name, other in instead.items():
        say(f"on {other} in place of {name}")
    folder = workspace.gateway_dir
    name = tag or f"localhost/{workspace.stack.fly.app}:built"
    log = workspace.paths.state / "build-logs" / "image.log"
    found = build(engine, Build(folder / "Dockerfile", folder, name, instead, fresh=fresh), log, say)
    return Built(engine, name, found, layers(engine, name), _caveats(engine))


def _caveats(engine: Engine) -> list[str]:
    said = ["apk installs the newest Python that Alpine's mirror holds"]
    if engine.kind == "podman":
        said.append("podman notes the ids of intermediate images, new without the cache, in the history")
    if engine.kind == "docker":
        said.append("docker dates files by when they were made; podman's --timestamp dates them alike")
    return said
