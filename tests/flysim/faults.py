"""Faults that a test asks for: which call they strike, and what the caller then sees."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["status", "hang", "cut", "kill"]


@dataclass
class Call:
    """One request as the server saw it.

    Attributes:
        number: position among all calls, from 1.
        mutating: position among mutating calls, from 1; 0 for a call that only reads.
        operation: ``METHOD path`` for REST, ``query name`` or ``mutation name`` (root fields) for GraphQL.
        body: the decoded request body; holds secrets.
        status: HTTP status answered, 0 when the connection was cut.
        seconds: time from arrival to answer.
    """

    number: int
    mutating: int
    method: str
    path: str
    operation: str
    body: Any
    app: str = ""
    status: int = 0
    error: str = ""
    started: float = 0.0
    seconds: float = 0.0


@dataclass
class Fault:
    """What goes wrong, and on which call.

    Attributes:
        kind: ``status`` answers with an HTTP status without acting; ``hang`` never answers;
            ``cut`` closes the connection; ``kill`` calls `callback` (which kills the client), then cuts.
        nth: strike this mutating call, counted from when the fault was added (1 = the next one).
        match: strike calls whose operation matches this regular expression (or for which the function is true).
        times: how often it strikes before it is spent.
        acted: for hang, cut and kill: whether the server had carried the call out before it went silent.
        status, body: the answer for ``status``.
        seconds: how long a ``hang`` holds the connection before cutting it.
    """

    kind: Kind = "status"
    nth: int = 0
    match: str | Callable[[Call], bool] | None = None
    times: int = 1
    acted: bool = True
    status: int = 500
    body: dict[str, Any] = field(default_factory=lambda: {"error": "an internal error occurred"})
    seconds: float = 30.0
    callback: Callable[[Call], None] | None = None
    from_mutation: int = 0
    struck: int = 0

    def strikes(self, call: Call) -> bool:
        """Whether this fault hits `call`; counts the hit."""
        if self.struck >= self.times:
            return False
        if self.nth and (not call.mutating or call.mutating - self.from_mutation < self.nth):
            return False
        if isinstance(self.match, str) and not re.search(self.match, call.operation):
            return False
        if callable(self.match) and not self.match(call):
            return False
        if not self.nth and self.match is None and not call.mutating:
            return False
        self.struck += 1
        return True


class Problem(Exception):
    """An error the platform itself answers with: HTTP status, text, and the API's own status word."""

    def __init__(self, status: int, text: str, word: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.body: dict[str, Any] = {"error": text, **({"status": word} if word else {})}
