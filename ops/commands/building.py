"""Building the image here: no step of a deploy, since Fly builds its own and a rehearsal needs none."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from invoke import Context, Task

from ops.commands.dry import Says
from ops.commands.task import task

if TYPE_CHECKING:
    from ops.build.image import Built
    from ops.services.engine.image import Layer


SBOM = "write a software bill of materials of the image there: CycloneDX 1.6, JSON"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def image(c: Context, target: str = "", json: bool = False, tag: str = "", fresh: bool = False, sbom: str = "") -> None:
    """Build the gateway's image here with docker or podman; size by layer; --sbom lists its packages."""
    from ops.build.image import build_image
    from ops.runbook import lock
    from ops.runbook.report import document
    from ops.session.opening import open_deployment

    deployment = open_deployment(target)
    with lock.held(deployment.paths.state / "image.lock", "inv build.image"):
        built = build_image(deployment, _say, tag=tag, fresh=fresh)
    if sbom:
        _write_bill(built, sbom)
    total = sum(layer.size for layer in built.layers)
    if json:
        rows = [{"size": layer.size, "made_by": layer.made_by} for layer in built.layers]
        fields = {"engine": str(built.engine), "tag": built.tag, "id": built.id, "size": total}
        print(document("build.image", **fields, layers=rows, caveats=list(built.caveats)))
        return
    print(f"{built.tag} {built.id[:12]}, built and checked by {built.engine}")
    print("\n".join(map(_line, built.layers)))
    print(f"{total / 1e6:>9.1f} MB in all")
    print(f"the same files give the same image, except that {'; '.join(built.caveats)}")


def _write_bill(built: Built, file: str) -> None:
    """The image's software bill of materials, as CycloneDX JSON."""
    from pathlib import Path

    from ops.build.sbom import document
    from ops.runbook.files import write_atomic
    from ops.services.engine.contents import contents

    found = contents(built.engine, built.tag)
    write_atomic(Path(file), document(built.tag.rpartition("/")[2].partition(":")[0], built.id, found))
    _say(f"{len(found.packages)} packages in {file}")


def _line(layer: Layer) -> str:
    return f"{layer.size / 1e6:>9.1f} MB  {layer.made_by[:100]}"


def _would_build(target: str = "", tag: str = "", **others: Any) -> str:
    from ops.services.engine.engine import find
    from ops.session.opening import open_deployment

    deployment = open_deployment(target)
    return f"would build {deployment.gateway_dir / 'Dockerfile'} with {find(deployment.environ)}"


TASKS: tuple[Task[Any], ...] = (
    task(image, dry=Says(_would_build), tag="the image's name", fresh="without the cache of earlier builds", sbom=SBOM),
)
