"""The certificate authorities that calls to public services trust: read once for all of them."""

from __future__ import annotations

import os
import ssl
import threading
from contextlib import suppress

from ops.runbook.errors import RunbookError

_lock = threading.Lock()
_context: ssl.SSLContext | None = None


def trusted() -> ssl.SSLContext:
    """The authorities in SSL_CERT_FILE or SSL_CERT_DIR, else certifi's: what httpx trusts by itself.

    Raises:
        RunbookError: WEB-003 SSL_CERT_FILE or SSL_CERT_DIR cannot be read.
    """
    global _context
    with _lock:
        if _context is None:
            _context = _read()
        return _context


def begin() -> None:
    """Read them beside what the program does next: OpenSSL takes a moment, in which Python goes on."""

    def read() -> None:
        with suppress(RunbookError):  # said to whoever asks for them
            trusted()

    threading.Thread(target=read, daemon=True).start()


def _read() -> ssl.SSLContext:
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if not file and not folder:
        import certifi

        return ssl.create_default_context(cafile=certifi.where())
    try:
        return ssl.create_default_context(cafile=file) if file else ssl.create_default_context(capath=folder)
    except (OSError, ssl.SSLError) as error:
        name, value = ("SSL_CERT_FILE", file) if file else ("SSL_CERT_DIR", folder)
        raise RunbookError(
            "WEB-003",
            f"the certificate authorities in {value} cannot be read: {error.strerror or error}",
            why=f"the environment's {name} names it",
            next=f"set {name} to a file that is there, or unset it",
        ) from None
