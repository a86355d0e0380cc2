"""Where a gateway and its Langfuse can be reached."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


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
