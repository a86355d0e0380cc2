"""Answers to clients: JSON or server-sent events, with errors in OpenAI's shape."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Reply:
    """What goes back to a client. A body that is a generator is sent piece by piece as it comes."""

    status: int
    body: bytes | AsyncGenerator[bytes, None]
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"


def json_reply(status: int, content: Any, headers: Mapping[str, str] | None = None) -> Reply:
    """Any JSON value as an answer."""
    return Reply(status, encode(content), headers or {})


def error_reply(
    status: int,
    message: str,
    *,
    kind: str,
    code: str | None = None,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """An error as OpenAI's clients understand it."""
    return json_reply(status, error_body(message, kind=kind, code=code, param=param), headers)


def error_body(message: str, *, kind: str, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    """The JSON object of an error: OpenAI's shape, with message, type, param and code."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def encode(content: Any) -> bytes:
    """JSON as the provider writes it: compact, UTF-8."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
