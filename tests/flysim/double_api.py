"""How the flyctl double speaks HTTP, and how its failures read."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from typing import Any

_RETRIED = (502, 503)


class Failed(Exception):
    """A command ends with this text after ``Error: ``."""


def flag(text: str) -> bool:
    """The value of a boolean flag written ``--name=false``."""
    return text.lower() in ("1", "t", "true")


class Api:
    """The three APIs, wherever flyctl's own variables say."""

    def __init__(self) -> None:
        self.token = os.environ.get("FLY_API_TOKEN", "")
        # Loopback only: whatever proxy is set is not for these.
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def _send(self, method: str, url: str, body: Any, nonce: str = "") -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        if nonce:
            headers["fly-machine-lease-nonce"] = nonce
        request = urllib.request.Request(url, data=data, method=method, headers=headers)
        for attempt in range(4):
            try:
                with self.opener.open(request, timeout=120) as reply:
                    raw = reply.read()
                    return reply.status, json.loads(raw) if raw else None
            except urllib.error.HTTPError as error:
                if error.code in _RETRIED and attempt < 3:
                    time.sleep(0.1 * 2**attempt)  # flyctl waits between its tries too
                    continue
                raw = error.read()
                return error.code, json.loads(raw) if raw else {}
            except (OSError, urllib.error.URLError) as error:
                raise Failed(f'{method.capitalize()} "{url}": EOF') from error
        raise AssertionError("unreachable")

    def query(self, document: str, wrap: str = "", **variables: Any) -> Any:
        """A GraphQL call; errors read as flyctl's do, query text included."""
        url = f"{os.environ['FLY_API_BASE_URL']}/graphql"
        status, answer = self._send("POST", url, {"query": document, "variables": variables})
        start = f"{wrap}: " if wrap else ""
        if status != 200:
            raise Failed(f"{start}failed to run {document}: server returned a non-200 status code: {status}")
        if answer.get("errors"):
            raise Failed(f"{start}failed to run {document}: {answer['errors'][0]['message']}")
        return answer["data"]

    def v1(self, method: str, path: str, body: Any = None, wrap: str = "", nonce: str = "") -> Any:
        """A Machines API call."""
        status, answer = self._send(method, f"{os.environ['FLY_FLAPS_BASE_URL']}/v1{path}", body, nonce)
        if status > 299:
            text = str((answer or {}).get("message") or (answer or {}).get("error") or "")
            raise Failed(f"{wrap}: {text}" if wrap else text)
        return answer

    def rest(self, method: str, path: str, body: Any = None, doing: str = "call") -> Any:
        """A call to the REST half."""
        status, answer = self._send(method, f"{os.environ['FLY_UIEX_BASE_URL']}/api/v1{path}", body)
        if status > 299:
            raise Failed(f"failed to {doing} (status {status}): {json.dumps(answer)}")
        return answer


def show(value: Any) -> None:
    """Print as flyctl's --json does."""
    print(json.dumps(value, indent=4, ensure_ascii=False))
