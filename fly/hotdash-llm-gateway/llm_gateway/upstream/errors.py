"""What can go wrong between the gateway and the provider, in the provider's own words where it spoke."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


class UpstreamError(Exception):
    """The provider did not answer.

    Attributes:
        status: its HTTP status, or the nearest one for what happened (408 timeout, 502 no connection).
        message: the provider's own words, fit for the client.
        kind: the provider's error type; `code`, `param`: as it sent them, None if it sent none.
        headers: of its answer, lower case; empty if there was none.
        body: its error as it was sent, to be handed on unchanged; None if it sent none in OpenAI's shape.
        unsettled: the request had reached the provider, which may bill it although no answer came.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "upstream_error",
        code: Any = None,
        param: Any = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        unsettled: bool = False,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.kind = status, message, kind
        self.code, self.param, self.body, self.unsettled = code, param, body, unsettled
        self.headers: Mapping[str, str] = headers or {}


def from_answer(status: int, headers: Mapping[str, str], body: bytes) -> UpstreamError:
    """The error that an answer with an error status holds."""
    try:
        error = json.loads(body)["error"]
        message = error["message"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return UpstreamError(status, f"the provider answered {status} without an error of its own", headers=headers)
    return UpstreamError(
        status,
        str(message),
        kind=str(error.get("type") or "upstream_error"),
        code=error.get("code"),
        param=error.get("param"),
        headers=headers,
        body=body,
    )


def from_event(error: object) -> UpstreamError:
    """The error that the provider sent in the middle of a stream, in either API's shape."""
    told: Mapping[str, Any] = error if isinstance(error, Mapping) else {}
    return UpstreamError(
        502,
        str(told.get("message") or "the provider ended its stream with an error"),
        kind=str(told.get("type") or "server_error"),
        code=told.get("code"),
        param=told.get("param"),
    )
