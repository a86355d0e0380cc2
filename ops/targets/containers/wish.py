"""One container as it is to be, and the words that an engine makes it from."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Mount:
    """A file of this machine, read-only, or a named volume, at a path of the container."""

    source: str
    destination: str
    volume: bool = False

    def word(self) -> str:
        """As ``--volume`` takes it."""
        return f"{self.source}:{self.destination}{'' if self.volume else ':ro'}"

    def content(self) -> str:
        """What the container reads there, as far as it is a file: a changed one is another wish."""
        return "" if self.volume else Path(self.source).read_text(encoding="utf-8")


@dataclass(frozen=True)
class Wish:
    """A container as it is to be.

    Attributes:
        name: of the container.
        group: the process group or server that it is one of.
        image: id or reference of an image that is there.
        command: arguments; the image's own when empty.
        aliases: names on the private network.
        variables: its environment. Secrets are among them, so they go through a private file.
        mounts: files and volumes.
        ports: container's port → port on this machine's loopback.
        memory_mb: its limit; 0 for none.
        stop_s: seconds between the signal to stop and the end.
        user: as whom, instead of the image's own user.
    """

    name: str
    group: str
    image: str
    command: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    ports: Mapping[int, int] = field(default_factory=dict)
    memory_mb: int = 0
    stop_s: int = 10
    user: str = ""

    def mark(self, key: str) -> str:
        """A keyed digest of all of it, which tells nothing of the secrets among it."""
        text = json.dumps([asdict(self), [mount.content() for mount in self.mounts]], sort_keys=True)
        return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()

    def words(self, network: str, variables: Path) -> list[str]:
        """The options of ``run``, image and command behind them; no secret among them.

        Args:
            network: the private network.
            variables: the file with its environment.
        """
        words = ["--name", self.name, "--network", network, "--env-file", str(variables)]
        for alias in self.aliases:
            words += ["--network-alias", alias]
        for mount in self.mounts:
            words += ["--volume", mount.word()]
        for inside, outside in sorted(self.ports.items()):
            words += ["--publish", f"127.0.0.1:{outside}:{inside}"]
        words += ["--memory", f"{self.memory_mb}m"] if self.memory_mb else []
        words += ["--user", self.user] if self.user else []
        return [*words, "--stop-timeout", str(self.stop_s), self.image, *self.command]
