"""What a deploy is told, as flyctl's arguments, and which release it says it made."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import msgspec

from ops.services.fly.shapes import Release


class Deploy(msgspec.Struct, frozen=True):
    """How to deploy.

    Attributes:
        image: reference to deploy; without it the image is built by Fly's remote builder.
        dockerfile, context, build_args: for building; build arguments are public.
        label: tag of the built image.
        strategy: rolling, immediate, canary or bluegreen.
        groups: only these process groups; the rest stays as it is.
        wait_s: seconds for each machine and each wait.
        release_command_s: seconds for the release command.
        smoke_checks: watch ten seconds for a crashing start.
        public_ips: let flyctl allocate public addresses for an app that has services and none.
    """

    image: str = ""
    dockerfile: Path | None = None
    context: Path | None = None
    build_args: Mapping[str, str] = msgspec.field(default_factory=dict)
    label: str = ""
    strategy: str = "rolling"
    groups: tuple[str, ...] = ()
    wait_s: float = 600.0
    release_command_s: float = 600.0
    smoke_checks: bool = True
    public_ips: bool = True

    def arguments(self, app: str, config: Path) -> list[str]:
        """flyctl's arguments. DNS checks are left out: they ask a public resolver and only warn."""
        words = [
            "deploy",
            "-c",
            str(config.resolve()),
            "-a",
            app,
            "--yes",
            "--ha=false",
            "--remote-only",
            "--strategy",
            self.strategy,
            "--wait-timeout",
            f"{math.ceil(self.wait_s)}s",
            "--release-command-timeout",
            f"{math.ceil(self.release_command_s)}s",
            "--dns-checks=false",
            "--deploy-retries",
            "0",
        ]
        if self.image:
            words += ["--image", self.image]
        else:
            words += self._building()
        if self.groups:
            words += ["--process-groups", ",".join(self.groups)]
        if not self.smoke_checks:
            words.append("--smoke-checks=false")
        if not self.public_ips:
            words.append("--no-public-ips")
        return words

    def _building(self) -> list[str]:
        words = ["--dockerfile", str(self.dockerfile.resolve())] if self.dockerfile else []
        for name, value in sorted(self.build_args.items()):
            words += ["--build-arg", f"{name}={value}"]
        return words + (["--image-label", self.label] if self.label else [])


def release_of(stdout: str) -> Release | None:
    """The release that a deploy's output names (FLY_EMIT_RELEASE_JSON), or None."""
    for line in reversed(stdout.splitlines()):
        if not line.startswith("{"):
            continue
        try:
            raw = json.loads(line)
        except ValueError:
            continue
        if isinstance(raw, dict) and {"id", "version", "image_ref"} <= raw.keys():
            return Release.read(raw)
    return None
