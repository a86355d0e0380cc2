"""The client's own mistakes, in OpenAI's words and codes."""

from __future__ import annotations

from ..limits.reservations import Refusal


class BadRequest(Exception):
    """A request that cannot be served as it is.

    Attributes:
        message: says what to change; shown to the client.
        status: of HTTP.
        param: the field at fault, as a path: `messages[0].role`.
        code: OpenAI's error code, if it has one for this.
    """

    def __init__(self, message: str, *, status: int = 400, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message, self.status, self.param, self.code = message, status, param, code


class OverLimit(Exception):
    """One of the team's limits has no room for the request."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.limit)
        self.refusal = refusal
