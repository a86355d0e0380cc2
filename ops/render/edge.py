"""The edge's Caddyfile: one template for Fly's image and for the rehearsal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ops.render.processes import DRAIN_S
from ops.render.template import fill

if TYPE_CHECKING:
    from ops.description.stack import Stack

RETRY_S = 30  # how long a request waits for a machine that takes it
GARBLED = "chunk|^header line too long|^malformed MIME header"  # Go's words for a body that is not in valid chunks
LEAVE_S = 8  # longer than the interval of Fly's check of the edge


@dataclass(frozen=True)
class RehearsalEdge:
    """What differs when Caddy itself ends TLS on the operator's machine.

    Attributes:
        http_port, https_port: where it listens; plain requests for a known name are sent on to https.
        gateway_port, ui_port: loopback ports of what stands behind it.
        storage_dir: Caddy's own folder; its authority is ``pki/authorities/local/root.crt`` in it.
        admin_socket: unix socket of the admin interface, for reloads.
        log_file: access and error log, JSON lines.
        bind: loopback addresses to listen on; leave out ``[::1]`` where the machine has no IPv6.
    """

    http_port: int
    https_port: int
    gateway_port: int
    ui_port: int
    storage_dir: Path
    admin_socket: Path
    log_file: Path
    bind: tuple[str, ...] = ("127.0.0.1", "[::1]")


def caddyfile(stack: Stack, rehearsal: RehearsalEdge | None = None) -> str:
    """The Caddyfile of the edge.

    Args:
        stack: whose host names, paths and ports it serves.
        rehearsal: None for Fly, where Fly's proxy ends TLS and the edge hears plain HTTP on one port.
    """
    return fill(
        "config/Caddyfile.j2",
        stack=stack,
        rehearsal=rehearsal,
        drain_s=DRAIN_S,
        leave_s=LEAVE_S,
        retry_s=RETRY_S,
        garbled=GARBLED,
        answer_s=answer_s(stack),
        offered=", ".join(path for path in stack.edge.paths if path.startswith("/v1/") and "*" not in path),
    )


def answer_s(stack: Stack) -> int:
    """Seconds until the first byte of an answer: model and fallback may each take their full time."""
    return int(2 * stack.models.timeout_s + 30)
