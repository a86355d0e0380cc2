"""Building an image: progress line by line, and of a failure the build's last lines and its whole log in a file."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ops.runbook.errors import RunbookError
from ops.runbook.proc import follow
from ops.runbook.secret import redactor
from ops.runbook.step import Say
from ops.services import build_log
from ops.services.engine.engine import FULL, NO_ROOM, Engine

BUILD_FAILED = "ENGINE-006"
BUILD_S = 3600.0
SAY_S = 2.0  # between two lines about a build that goes on
DATE = "SOURCE_DATE_EPOCH"


@dataclass(frozen=True)
class Build:
    """What to build.

    Attributes:
        dockerfile: the file, which is not changed.
        context: the folder that COPY reads.
        tag: the image's name.
        bases: images of this engine in place of those that FROM names, by the name that stands there.
        timestamp: seconds since 1970 that all is dated with, so that the same inputs give the same image.
        fresh: without the cache of earlier builds.
    """

    dockerfile: Path
    context: Path
    tag: str
    bases: Mapping[str, str] = field(default_factory=dict)
    timestamp: int = 0
    fresh: bool = False

    def arguments(self, engine: Engine, dockerfile: Path | None = None) -> list[str]:
        """The engine's arguments. Docker dates only what its builder can; podman dates every file.

        Args:
            dockerfile: a file to read in its place.
        """
        podman = engine.kind == "podman"
        words = ["build", *engine.options.build, "-f", str(dockerfile or self.dockerfile), "-t", self.tag]
        # podman's own default format has no SHELL, which the Dockerfile needs.
        words += ["--format", "docker", "--layers", "--timestamp", str(self.timestamp)] if podman else []
        words += [] if podman else ["--build-arg", f"{DATE}={self.timestamp}"]
        return [*words, *(["--no-cache"] if self.fresh else []), str(self.context)]

    @contextlib.contextmanager
    def on_bases(self) -> Iterator[Path]:
        """The Dockerfile, or a copy that starts from `bases`: an option for it is known only to newer builders."""
        if not self.bases:
            yield self.dockerfile
            return
        lines = self.dockerfile.read_text().splitlines(keepends=True)
        for number, line in enumerate(lines):
            words = line.split()
            if words[:1] == ["FROM"] and words[1] in self.bases:
                lines[number] = line.replace(words[1], self.bases[words[1]])
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / self.dockerfile.name
            copy.write_text("".join(lines))
            yield copy


def build(engine: Engine, wanted: Build, log: Path, say: Say) -> str:
    """Build an image and return its id.

    Args:
        log: where a failed build's whole output goes.
        say: receives, every few seconds, what the build is at.

    Raises:
        RunbookError: ENGINE-003 the disk is full, ENGINE-006 a line of the Dockerfile failed.
        Interrupted: the run was asked to stop; the build is gone by then.
    """
    lines: list[str] = []
    start = spoken = time.monotonic()

    def idle() -> None:
        nonlocal spoken
        now = time.monotonic()
        if now - spoken >= SAY_S:
            at = next((line for line in reversed(lines) if line.strip()), "beginning")
            say(f"building {wanted.tag} ({now - start:.0f} s): {redactor(at)[:120]}")
            spoken = now

    with wanted.on_bases() as dockerfile:
        words = engine.words(*wanted.arguments(engine, dockerfile))
        code = follow(words, lines.append, idle=idle, timeout=BUILD_S)
    if code != 0:
        said = "\n".join(lines)
        full = NO_ROOM in said.lower()
        error = RunbookError(
            FULL if full else BUILD_FAILED,
            f"{engine.kind} could not build {wanted.tag}: " + ("its disk is full" if full else f"exit code {code}"),
        )
        build_log.keep(error, said, log)
        raise error
    inspected = engine.json(f"looking at {wanted.tag}", "image", "inspect", wanted.tag)
    return str(inspected[0]["Id"]).removeprefix("sha256:")
