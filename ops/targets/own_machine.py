"""What targets on the operator's own machine have in common."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from ops.services.endpoints import Endpoints

if TYPE_CHECKING:
    from ops.description.stack import Domains


class OwnMachine:
    """A target that rehearses production on the operator's own machine."""

    production = False

    def exclusive(self) -> contextlib.AbstractContextManager[None]:
        """A rehearsal is this checkout's alone; the run's own lock is enough."""
        return contextlib.nullcontext()


def endpoints(domains: Domains, port: int, authority: Path) -> Endpoints:
    """The stack's names on a port of this machine, and where to connect: the names need not resolve.

    Args:
        domains: the public names.
        port: where the edge takes TLS connections.
        authority: the file with the certificate authority that signed the edge's certificates.
    """
    return Endpoints(
        gateway=f"https://{domains.gateway}:{port}",
        langfuse=f"https://{domains.langfuse}:{port}",
        connect=f"127.0.0.1:{port}",
        ca=authority,
    )
