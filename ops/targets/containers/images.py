"""The images of this rehearsal: the gateway's and the stores' from their own Dockerfiles, the rest as published.

Where no registry can be reached, settings name images of the engine to stand in their place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops.runbook.errors import RunbookError
from ops.runbook.proc import follow
from ops.runbook.secret import redactor
from ops.runbook.step import Say
from ops.services.engine.building import Build, build
from ops.targets.containers.packages import locked
from ops.targets.fly import image as fly_image

if TYPE_CHECKING:
    from ops.targets.containers.project import Project
    from ops.targets.workspace import Workspace

BASES = {
    "web": "RUNBOOK_BASE_WEB",
    "worker": "RUNBOOK_BASE_WORKER",
    "caddy": "RUNBOOK_BASE_CADDY",
    "clickhouse": "RUNBOOK_BASE_CLICKHOUSE",
    "minio": "RUNBOOK_BASE_MINIO",
    "python": "RUNBOOK_BASE_PYTHON",
    "postgres": "RUNBOOK_BASE_POSTGRES",
    "valkey": "RUNBOOK_BASE_VALKEY",
}
# What stands for Supabase, the managed Redis and OpenAI: none of them goes into production.
POSTGRES, VALKEY = "docker.io/library/postgres:17-alpine", "docker.io/valkey/valkey:8-alpine"
PYTHON = "docker.io/library/python:3.11-slim"
STANDINS = Path(__file__).with_name("standins") / "Dockerfile"
PULL_S = 3600.0
BUILDS = "builds"  # section of the project's memory: a build's tag, and what it has left behind


def pinned(workspace: Workspace) -> dict[str, str]:
    """The images that Dockerfiles start from or that run as they are, by what they are for."""
    stack = workspace.stack
    return {
        "web": stack.images.langfuse_web,
        "worker": stack.images.langfuse_worker,
        "caddy": stack.images.caddy,
        "clickhouse": stack.clickhouse.image,
        "minio": stack.storage.image,
        "python": PYTHON,
        "postgres": POSTGRES,
        "valkey": VALKEY,
    }


def replaced(workspace: Workspace, *kinds: str) -> dict[str, str]:
    """Images of the engine that stand in place of pinned ones, by the pinned name."""
    names = pinned(workspace)
    given = {names[kind]: workspace.environ.get(BASES[kind], "") for kind in kinds}
    return {name: image for name, image in given.items() if name and image}


def ready_made(workspace: Workspace, kind: str) -> str:
    """The reference of an image that runs as it is."""
    name = pinned(workspace)[kind]
    return replaced(workspace, kind).get(name, name)


def found(project: Project, reference: str) -> str:
    """The id of an image that is there; empty when it is not."""
    try:
        row = project.engine.json(f"looking at {reference}", "image", "inspect", reference)[0]
    except RunbookError as error:
        if "no such" in error.why.lower() or "not known" in error.why.lower() or "not found" in error.why.lower():
            return ""
        raise
    return str(row["Id"]).removeprefix("sha256:")


def pull(project: Project, reference: str, say: Say) -> None:
    """Have an image here, saying how far it is.

    Raises:
        RunbookError: ENGINE-003 no room, ENGINE-004 it cannot be pulled.
    """
    if found(project, reference):
        return
    say(f"pulling {reference}")
    lines: list[str] = []

    def heard(line: str) -> None:
        lines.append(line)
        if len(lines) % 5 == 1:
            say(f"pulling {reference}: {redactor(line)[:80]}")

    code = follow(project.engine.words("pull", reference), heard, timeout=PULL_S)
    if code:
        raise project.engine.failure(f"pulling {reference}", "\n".join(lines[-3:]))


def gateway(workspace: Workspace, project: Project) -> str:
    """The gateway's image: named after what it is made of."""
    instead = replaced(workspace, "web", "worker", "caddy")
    return _tag(project, "gateway", fly_image.gateway(workspace).label, instead)


def clickhouse(workspace: Workspace, project: Project) -> str:
    """ClickHouse's image, with our settings in it."""
    return _tag(project, "clickhouse", fly_image.clickhouse(workspace).label, replaced(workspace, "clickhouse"))


def storage(workspace: Workspace, project: Project) -> str:
    """MinIO's image."""
    return _tag(project, "minio", fly_image.storage(workspace).label, replaced(workspace, "minio"))


def standins(workspace: Workspace, project: Project) -> str:
    """The image with the stand-in for OpenAI."""
    total = hashlib.sha256()
    for file in (STANDINS, *_standin_sources(workspace)):
        total.update(file.read_bytes())
    return _tag(project, "standins", f"src-{total.hexdigest()[:16]}", replaced(workspace, "python"))


def build_store(workspace: Workspace, project: Project, kind: str, tag: str, say: Say) -> None:
    """Build a store's image from its own Dockerfile, if it is not there."""
    folder = workspace.gateway_dir / kind
    make(project, Build(folder / "Dockerfile", folder, tag, replaced(workspace, kind)), say)


def build_standins(workspace: Workspace, project: Project, say: Say) -> None:
    """Build the image with the stand-in for OpenAI, if it is not there: Python, a few packages, our own code."""
    import shutil

    tag = standins(workspace, project)
    if found(project, tag):
        return
    folder = project.state / "standins"
    shutil.rmtree(folder, ignore_errors=True)
    for file in _standin_sources(workspace):
        place = folder / file.relative_to(workspace.paths.root)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)
    (folder / "packages.lock").write_text(locked(workspace.paths.root), encoding="utf-8")
    make(project, Build(STANDINS, folder, tag, replaced(workspace, "python")), say)


def make(project: Project, wanted: Build, say: Say) -> None:
    """Build an image if it is not there, and remember what the build leaves in its cache, to be removed in the end."""
    if found(project, wanted.tag):
        return
    # Images are built side by side, so each has a note of its own.
    earlier = _left_by(project, wanted.tag)
    note: dict[str, Any] = {"left": sorted(earlier), "before": sorted(nameless(project))}
    project.memory.put(BUILDS, wanted.tag, note)
    log = project.state / "build-logs" / f"{wanted.tag.rpartition('/')[2].partition(':')[0]}.log"
    try:
        build(project.engine, wanted, log, say)
    finally:
        project.memory.put(BUILDS, wanted.tag, {"left": sorted(_left_by(project, wanted.tag))})


def left_behind(project: Project) -> set[str]:
    """Ids of the images without a name that this project's builds have left, those among them that were killed."""
    return {image for tag in project.memory.names(BUILDS) for image in _left_by(project, tag)}


def _left_by(project: Project, tag: str) -> set[str]:
    note = project.memory.get(BUILDS, tag)
    since = nameless(project) - set(note["before"]) if "before" in note else set()
    return {*note.get("left", ()), *since}


def nameless(project: Project) -> set[str]:
    """Ids of the images without a name, which builds leave behind."""
    words = ("images", "--all", "--no-trunc", "--filter", "dangling=true", "--format", "{{.ID}}")
    said = project.engine.run("listing images", *words).stdout
    return {line.removeprefix("sha256:") for line in said.split()}


def _standin_sources(workspace: Workspace) -> list[Path]:
    root = workspace.paths.root
    names = [root / "ops" / "__init__.py", *sorted((root / "ops" / "standins").rglob("*"))]
    return [file for file in names if file.is_file() and "__pycache__" not in file.parts]


def _tag(project: Project, kind: str, label: str, instead: Mapping[str, str]) -> str:
    if not label:
        return f"localhost/{project.name}-{kind}:given"
    ids = [(name, found(project, other)) for name, other in sorted(instead.items())]
    bases = hashlib.sha256(repr(ids).encode()).hexdigest()[:6] if instead else ""
    return f"localhost/{project.name}-{kind}:{label}" + (f"-{bases}" if bases else "")
