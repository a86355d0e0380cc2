"""What is asked of each step's files: one function per step, returning what was found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ops.render import files
from ops.validate import fly_toml, litellm, tools
from ops.validate.finding import Finding
from ops.validate.tools import Place

if TYPE_CHECKING:
    from ops.description.stack import Stack


def _unpinned(file: str, **images: str) -> list[Finding]:
    """A warning for each image that may change under its name."""
    return [
        Finding(file, f"{key.replace('__', '.')} is not pinned: pin by digest before production", warning=True)
        for key, image in images.items()
        if "@sha256:" not in image
    ]


def dockerfile(stack: Stack, place: Place) -> list[Finding]:
    """The image: its Dockerfile, what it starts from, and the locks it installs."""
    findings = tools.hadolint(place, "Dockerfile")
    images = stack.images
    findings += _unpinned("Dockerfile", images__langfuse_web=images.langfuse_web)
    findings += _unpinned("Dockerfile", images__langfuse_worker=images.langfuse_worker)
    if images.caddy:
        findings += _unpinned("Dockerfile", images__caddy=images.caddy)
    for name in ("requirements.lock", "edge.lock"):
        findings += _check_lock(place.folder, name)
    return findings


def _check_lock(folder: Path, name: str) -> list[Finding]:
    """The image installs with hashes only, and from whichever index the builder uses."""
    try:
        text = (folder / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        return [Finding(name, "is not there, and the image is built from it")]
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    pinned = sum("==" in line for line in lines)
    faults = []
    if any("://" in line or line.startswith("-") for line in lines):
        faults.append(Finding(name, "names an index or an address"))
    if not pinned or text.count("--hash=sha256:") < pinned:
        faults.append(Finding(name, "every package needs a version and hashes"))
    return faults


def scripts(stack: Stack, place: Place) -> list[Finding]:
    """The start scripts, as POSIX sh."""
    return tools.shellcheck(place, files.SCRIPTS)


def litellm_config(stack: Stack, place: Place) -> list[Finding]:
    """The gateway's configuration."""
    return litellm.config(place.folder, files.LITELLM[0])


def fly(stack: Stack, place: Place) -> list[Finding]:
    """fly.toml of each app by our rules and flyctl's, the Caddyfile by Caddy, the other Dockerfiles by hadolint."""
    from xml.etree import ElementTree

    findings: list[Finding] = []
    for name in files.platform_files(stack):
        text = (place.folder / name).read_text(encoding="utf-8")
        if name.endswith("fly.toml"):
            faults = {
                "fly.toml": lambda text: fly_toml.gateway(text, stack),
                "clickhouse/fly.toml": lambda text: fly_toml.private(text, stack.clickhouse.app),
                "minio/fly.toml": lambda text: fly_toml.private(text, stack.storage.app),
            }[name](text)
            findings += [Finding(name, fault) for fault in faults]
            findings += tools.flyctl(place, name)
        elif name.endswith("Dockerfile"):
            findings += tools.hadolint(place, name)
        elif name.endswith(".xml"):
            try:
                ElementTree.fromstring(text)  # noqa: S314 - our own rendering
            except ElementTree.ParseError as error:
                findings.append(Finding(name, f"not XML: {error}"))
    findings += tools.caddy(place, "config/Caddyfile")
    findings += _unpinned("clickhouse/Dockerfile", clickhouse__image=stack.clickhouse.image)
    if stack.storage.provider == "minio":
        findings += _unpinned("minio/Dockerfile", storage__image=stack.storage.image)
    return findings
