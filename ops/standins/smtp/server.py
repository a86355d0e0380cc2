"""A real SMTP server (aiosmtpd) over TLS: one user, one folder, a mail a file."""

from __future__ import annotations

import hmac
import os
import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

USER = "watch"


class Mailbox:
    """Keeps what comes. A mail is a whole file before its sender hears that it was taken.

    Args:
        folder: where mails lie, numbered in the order they came.
        taken: called after each, before the sender hears of it.
    """

    def __init__(self, folder: Path, taken: Callable[[], None] = lambda: None) -> None:
        self.folder, self._taken = folder, taken
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Keep one mail."""
        number = 1 + max((int(file.stem) for file in self.folder.glob("*.eml")), default=0)
        with tempfile.NamedTemporaryFile(dir=self.folder, delete=False) as out:
            out.write(envelope.content)
            out.flush()
            os.fsync(out.fileno())
        Path(out.name).rename(self.folder / f"{number:06}.eml")
        self._taken()
        return "250 kept"


def controller(mailbox: Mailbox, password: str, port: int, certificate: Path, key: Path) -> Controller:
    """The server, to be started: TLS from the first byte, on loopback, for one user only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        right = (
            isinstance(data, LoginPassword)
            and data.login == USER.encode()
            and hmac.compare_digest(data.password, password.encode())
        )
        # Not handled: the server is to answer, 235 or 535.
        return AuthResult(success=right, handled=False)

    return Controller(
        mailbox,
        hostname="127.0.0.1",
        port=port,
        ssl_context=context,
        authenticator=authenticate,
        auth_required=True,
        # TLS is there from the first byte, which aiosmtpd does not count as STARTTLS.
        auth_require_tls=False,
    )
