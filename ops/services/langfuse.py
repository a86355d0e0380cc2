"""Langfuse as an operator and a program see it: health, the login of its UI, and the public API of version 4.

Endpoints and shapes: Langfuse v4.16.0, `web/src/pages/api/public`, and NextAuth 4 for the login.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ops.runbook.errors import RunbookError
from ops.runbook.secret import Secret
from ops.services.endpoints import Endpoints
from ops.services.web import Site

if TYPE_CHECKING:
    import httpx


def refused(response: httpx.Response, path: str) -> RunbookError:
    """An answer of the public API that is not 200, as an error. What it says of itself is told along."""
    try:
        said = str(response.json()["message"])[:300]
    except (ValueError, KeyError, TypeError):
        said = ""
    return RunbookError(
        "LF-001", f"Langfuse answered {response.status_code} to {path}", why=said, next="inv deploy.logs ui"
    )


class Langfuse:
    """A client with the project's API keys."""

    def __init__(self, endpoints: Endpoints, public_key: Secret, secret_key: Secret) -> None:
        self.base = endpoints.langfuse
        self.site = Site(endpoints.langfuse, endpoints, timeout=30.0)
        self.auth = (public_key.reveal(), secret_key.reveal())

    def __enter__(self) -> Langfuse:
        return self

    def __exit__(self, *details: object) -> None:
        self.site.client.close()

    def health(self, database: bool = False) -> tuple[bool, str]:
        """Whether it is healthy, and its version or what it says instead.

        Args:
            database: also ask it to reach its Postgres.

        Raises:
            RunbookError: WEB-001 there is no answer at all.
        """
        query = {"failIfDatabaseUnavailable": "true"} if database else {}
        response = self.site.request("GET", "/api/public/health", params=query)
        try:
            body = response.json()
        except ValueError:
            body = {}
        return response.status_code == 200, str(body.get("version") or body.get("status") or response.status_code)

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request of the public API, with the project's keys; what it answers is the caller's to judge.

        Raises:
            RunbookError: WEB-001 there is no answer at all.
        """
        return self.site.request(method, f"/api/public/{path}", auth=self.auth, **options)

    def get(self, path: str, query: Mapping[str, str]) -> Any:
        """A read of the public API.

        Raises:
            RunbookError: LF-001 when it is refused.
        """
        response = self.ask("GET", path, params=dict(query))
        if response.status_code != 200:
            raise refused(response, path)
        return response.json()

    def observations(self, since: datetime, user: str = "", limit: int = 100) -> list[dict[str, Any]]:
        """Generations since a time, of one end user if given, with usage, metadata and cost."""
        query = {
            "type": "GENERATION",
            "fields": "core,basic,model,usage,metadata,trace_context",
            "fromStartTime": since.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "limit": str(limit),
        }
        if user:
            query["userId"] = user
        return list(self.get("v2/observations", query)["data"])

    def observations_where(self, filters: list[dict[str, Any]], fields: str, limit: int) -> list[dict[str, Any]]:
        """The newest observations that all the filters let through.

        Args:
            filters: in Langfuse's filter language; no other condition is added.
            fields: field groups, e.g. ``core,basic,metadata``.
            limit: how many at most, up to 1000.
        """
        query = {"fields": fields, "limit": str(limit), "filter": json.dumps(filters)}
        return list(self.get("v2/observations", query)["data"])

    def metrics(self, query: Mapping[str, Any]) -> list[dict[str, Any]]:
        """A metrics query; numbers may arrive as strings."""
        return list(self.get("v2/metrics", {"query": json.dumps(query)})["data"])

    def login(self, email: str, password: Secret) -> dict[str, Any]:
        """Log in to the UI as a browser would; returns the session, empty when refused.

        Judged by the session that follows, not by a status: a bad CSRF token answers 200 as well.

        Raises:
            RunbookError: WEB-001 there is no answer at all.
        """
        token = self.site.request("GET", "/api/auth/csrf").json()["csrfToken"]
        form = {
            "csrfToken": token,
            "email": email,
            "password": password.reveal(),
            "callbackUrl": self.base,
            "json": "true",
        }
        self.site.request("POST", "/api/auth/callback/credentials", data=form)
        session = self.site.request("GET", "/api/auth/session").json()
        return dict(session) if isinstance(session, dict) else {}
