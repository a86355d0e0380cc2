"""HTTPS to a target's public names. A rehearsal's do not resolve: they are dialled on loopback, with SNI and Host."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ops.runbook.errors import RunbookError
from ops.services.endpoints import Endpoints

if TYPE_CHECKING:
    import httpx


class Site:
    """One public base URL of the target.

    Args:
        base: as its users see it, e.g. ``https://gateway.example.com``.
        endpoints: says where to connect and whom to trust.
        headers: sent with every request.
        timeout: seconds for one request.

    Raises:
        RunbookError: WEB-002 the certificate authority to trust cannot be read.
    """

    def __init__(
        self, base: str, endpoints: Endpoints, headers: dict[str, str] | None = None, timeout: float = 60.0
    ) -> None:
        import httpx

        host = urlsplit(base).netloc
        trust: ssl.SSLContext | bool = True
        if endpoints.ca is not None:
            try:
                trust = ssl.create_default_context(cafile=str(endpoints.ca))
            except (OSError, ssl.SSLError) as error:
                raise RunbookError(
                    "WEB-002",
                    f"the edge's certificate authority {endpoints.ca} cannot be read: {error}",
                    next="inv deploy.domains",
                ) from None
        self.base = base
        self.extensions: dict[str, Any] = {}
        url, sent = base, dict(headers or {})
        if endpoints.connect is not None:
            url = f"https://{endpoints.connect}"
            sent["Host"] = host
            self.extensions["sni_hostname"] = host.split(":")[0]
        self.client: httpx.Client = httpx.Client(
            base_url=url, headers=sent, verify=trust, timeout=timeout, follow_redirects=False, trust_env=False
        )

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *details: object) -> None:
        self.client.close()

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request.

        Raises:
            RunbookError: WEB-001 when there is no answer at all.
        """
        import httpx

        try:
            return self.client.request(method, path, extensions=self.extensions, **options)
        except httpx.HTTPError as error:
            raise RunbookError(
                "WEB-001",
                f"{self.base}{path} does not answer: {type(error).__name__} {error}".rstrip(),
                next="inv status",
            ) from None
