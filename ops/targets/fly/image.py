"""Which image an app is to run: one given by the operator, or one named after what it is built from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ops.render import files
from ops.targets.fly.seen import Seen

if TYPE_CHECKING:
    from ops.targets.workspace import Workspace

# Image references that take the place of building, by what they are for.
GIVEN = {"gateway": "FLY_IMAGE", "clickhouse": "FLY_IMAGE_CLICKHOUSE", "storage": "FLY_IMAGE_STORAGE"}


@dataclass(frozen=True)
class Image:
    """The image an app is to run.

    Attributes:
        given: a reference, or empty: it is built, and `label` is its tag in the app's registry.
        label: names what the image is made of, so that a machine tells whether it runs just that.
    """

    app: str
    given: str = ""
    label: str = ""

    @property
    def wanted(self) -> str:
        """The reference without digest."""
        return self.given.partition("@")[0] if self.given else f"registry.fly.io/{self.app}:{self.label}"

    def runs_on(self, seen: Seen) -> bool:
        """Whether a machine runs this image, as far as names and a given digest tell."""
        digest = self.given.partition("@")[2]
        if digest and seen.machine.digest and digest != seen.machine.digest:
            return False
        return seen.reference == self.wanted


def gateway(workspace: Workspace) -> Image:
    """The gateway's image: the rendered files and the plugin's source. fly.toml gives its name a part as well, so
    that a machine's image tells by which configuration it runs."""
    made = (*files.DOCKERFILE, *files.SCRIPTS, *files.LITELLM, "config/Caddyfile", "requirements.lock", "fly.toml")
    plugin = sorted((workspace.gateway_dir / "llm_gateway").rglob("*"))
    sources = [workspace.gateway_dir / name for name in made]
    sources += [file for file in plugin if file.is_file() and "__pycache__" not in file.parts]
    return _image(workspace, "gateway", workspace.stack.fly.app, sources)


def clickhouse(workspace: Workspace) -> Image:
    """ClickHouse's image, with our settings in it."""
    sources = [workspace.gateway_dir / name for name in files.CLICKHOUSE]
    return _image(workspace, "clickhouse", workspace.stack.clickhouse.app, sources)


def storage(workspace: Workspace) -> Image:
    """MinIO's image."""
    sources = [workspace.gateway_dir / name for name in files.MINIO]
    return _image(workspace, "storage", workspace.stack.storage.app, sources)


def _image(workspace: Workspace, purpose: str, app: str, sources: Iterable[Path]) -> Image:
    given = workspace.environ.get(GIVEN[purpose], "").strip()
    return Image(app, given) if given else Image(app, label=f"src-{_digest(workspace.gateway_dir, sources)}")


def _digest(base: Path, sources: Iterable[Path]) -> str:
    """Digest of names, contents and whether they can be executed; a file that is not there counts as empty."""
    total = hashlib.sha256()
    for file in sources:
        try:
            content, executable = file.read_bytes(), bool(file.stat().st_mode & 0o100)
        except FileNotFoundError:
            content, executable = b"", False
        total.update(f"{file.relative_to(base)}\0{executable}\0{len(content)}\0".encode() + content)
    return total.hexdigest()[:16]
