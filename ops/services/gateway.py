"""The gateway as its users see it: a thin client for the tests of phase 4."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from ops.runbook.secret import Secret
from ops.services.endpoints import Endpoints
from ops.services.web import Site


@dataclass(frozen=True)
class Answer:
    """A reply of the gateway: status, headers (lower case), parsed body, and how long it took in seconds."""

    status: int
    headers: dict[str, str]
    body: Any
    seconds: float

    @property
    def cache(self) -> str:
        """exact, semantic, alias, miss or bypass."""
        return self.headers.get("x-gateway-cache", "")

    @property
    def similarity(self) -> str:
        """The measured cosine to the nearest known wording, empty where none was measured."""
        return self.headers.get("x-gateway-similarity", "")

    @property
    def model(self) -> str:
        """The model that really answered."""
        return self.headers.get("x-gateway-model", "")

    @property
    def text(self) -> str:
        """The answer's text, empty where there is none."""
        try:
            return str(self.body["choices"][0]["message"]["content"])
        except (KeyError, IndexError, TypeError):
            return ""

    @property
    def error(self) -> str:
        """The error's message, empty where there is none."""
        try:
            return str(self.body["error"]["message"])
        except (KeyError, TypeError):
            return ""

    def remaining(self, limit: str) -> float | None:
        """What is left of a limit (requests, tokens, usd), or None where the gateway does not say."""
        value = self.headers.get(f"x-ratelimit-remaining-{limit}")
        return float(value) if value else None


class Gateway:
    """A caller of the gateway with one team's key.

    Args:
        endpoints: where the gateway is.
        key: the team's; None calls without one.
        timeout: seconds for one request.
    """

    def __init__(self, endpoints: Endpoints, key: Secret | None, timeout: float = 60.0) -> None:
        headers = {"Authorization": f"Bearer {key.reveal()}"} if key else {}
        self.site = Site(endpoints.gateway, endpoints, headers, timeout)

    def __enter__(self) -> Gateway:
        return self

    def __exit__(self, *details: object) -> None:
        self.site.client.close()

    def request(self, method: str, path: str, **options: Any) -> Answer:
        """Any request, timed.

        Raises:
            RunbookError: WEB-001 when there is no answer.
        """
        start = time.perf_counter()
        response = self.site.request(method, path, **options)
        seconds = time.perf_counter() - start
        try:
            body = response.json()
        except ValueError:
            body = response.text
        return Answer(response.status_code, {k.lower(): v for k, v in response.headers.items()}, body, seconds)

    def chat(self, model: str, text: str, *, system: str = "", **more: Any) -> Answer:
        """One question, one answer. A `system` prompt that nobody used before keeps every cached answer away.

        Raises:
            RunbookError: WEB-001 the gateway does not answer.
        """
        rules = [{"role": "system", "content": system}] if system else []
        body = {"model": model, "messages": [*rules, {"role": "user", "content": text}], **more}
        return self.request("POST", "/v1/chat/completions", json=body)
