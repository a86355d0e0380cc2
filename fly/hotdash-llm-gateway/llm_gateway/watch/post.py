"""Sending a mail by SMTP, over TLS or not at all."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from collections.abc import Mapping
from typing import Any

from . import letters
from .settings import Settings, Smtp

TIMEOUT_S = 20.0


class NotSent(Exception):
    """The server did not take the mail; the text says why and holds no secret."""


def send(smtp: Smtp, mail: Mapping[str, Any], settings: Settings) -> None:
    """Hand one mail to the server. Raises NotSent; the mail may then have been taken all the same."""
    context = ssl.create_default_context()
    try:
        server = _connected(smtp, context)
        try:
            if smtp.user:
                server.login(smtp.user, smtp.password)
            server.send_message(letters.message(mail, settings))
        finally:
            # It has been taken, or not: how the farewell goes changes nothing.
            with contextlib.suppress(OSError, smtplib.SMTPException):
                server.quit()
    except smtplib.SMTPResponseException as error:
        raise NotSent(f"{type(error).__name__} {error.smtp_code}") from None
    except (OSError, smtplib.SMTPException) as error:
        why = getattr(error, "verify_message", "") or getattr(error, "strerror", "") or ""
        raise NotSent(f"{type(error).__name__} {why}".strip()) from None


def _connected(smtp: Smtp, context: ssl.SSLContext) -> smtplib.SMTP:
    if smtp.implicit_tls:
        return smtplib.SMTP_SSL(smtp.host, smtp.port, timeout=TIMEOUT_S, context=context)
    server = smtplib.SMTP(smtp.host, smtp.port, timeout=TIMEOUT_S)
    try:
        server.starttls(context=context)
    except BaseException:
        server.close()
        raise
    return server
