"""What a target is: where the runbook builds, behind one small interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ops.runbook.step import Look, Say, Step

if TYPE_CHECKING:
    from ops.world import World


class Part(Protocol):
    """One thing a target can look at and bring about; a step is written once and asks its target's part."""

    def look(self, world: World) -> Look:
        """Read the real state, cheaply, with no side effect."""
        ...

    def act(self, world: World, say: Say) -> None:
        """Make it so; may be killed at any instant and run again."""
        ...


@dataclass(frozen=True)
class Endpoints:
    """Where the gateway can be reached.

    Attributes:
        gateway: base URL of the gateway as its users see it, e.g. ``https://gateway.example.com``.
        langfuse: base URL of the Langfuse UI.
        connect: ``host:port`` to really connect to when the names do not resolve (rehearsal), else None.
        ca: file with the certificate authority to trust, else None for the system's own.
    """

    gateway: str
    langfuse: str
    connect: str | None = None
    ca: Path | None = None


@dataclass(frozen=True)
class Requirement:
    """One line of `inv doctor`: something this machine must have for this target."""

    name: str
    ok: bool
    found: str
    get: str


class Target(Protocol):
    """Where the gateway is built: `local` (rehearsal) or `fly` (production)."""

    name: str
    vault: Path
    extra_needs: Mapping[str, tuple[str, ...]]  # what a step of the phases also needs here, by step key
    postgres: Part  # 1.3: only what must exist before the schema can (the local server; nothing on Fly)
    redis: Part  # 1.4
    app: Part  # 3.1
    secrets: Part  # 3.2
    clickhouse: Part  # 3.3.1
    storage: Part  # 3.3.2
    release: Part  # 3.3.3
    domains: Part  # 3.4
    pooled: Part  # 3.5

    def exclusive(self) -> AbstractContextManager[None]:
        """Held during a run that changes things: locks out those who work on the same target from elsewhere."""
        ...

    def preparation(self) -> Sequence[Step[World]]:
        """Steps numbered 0.x that the target itself needs before phase 1."""
        ...

    def endpoints(self) -> Endpoints:
        """Where the gateway is, or will be."""
        ...

    def admin(self, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        """Ask a gateway's admin route, which the edge never lets through; the parsed JSON answer."""
        ...

    def requirements(self) -> Sequence[Requirement]:
        """What this machine needs, for `inv doctor`; looks only."""
        ...
