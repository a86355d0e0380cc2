"""The allow-list of routes. What is not named here does not exist."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from .stored import ROUTES as STORED
from .stored import StoredRoute


class Route(Enum):
    """What a path leads to."""

    CHAT = "chat"
    RESPONSES = "responses"
    EMBEDDINGS = "embeddings"
    MODERATIONS = "moderations"
    MODELS = "models"
    MODEL = "model"
    STORED = "stored"
    LIVE = "live"
    READY = "ready"
    ADMIN_TEAMS = "admin teams"
    ADMIN_CACHE = "admin cache"
    ADMIN_PURGE = "admin purge"
    ADMIN_WRONG = "admin wrong"
    ADMIN_SWITCHES = "admin switches"
    ADMIN_SWITCH = "admin switch"
    ADMIN_STATUS = "admin status"
    ADMIN_HISTORY = "admin history"
    METRICS = "metrics"


@dataclass(frozen=True)
class Match:
    """A route, and what its path names: a model's name, or ids of what the provider keeps."""

    route: Route
    ids: Mapping[str, str] = field(default_factory=dict)
    stored: StoredRoute | None = None


def _fixed(table: Mapping[str, Mapping[str, Route]]) -> dict[str, dict[str, Match]]:
    return {path: {method: Match(route) for method, route in known.items()} for path, known in table.items()}


_API = _fixed({
    "chat/completions": {"POST": Route.CHAT},
    "responses": {"POST": Route.RESPONSES},
    "embeddings": {"POST": Route.EMBEDDINGS},
    "moderations": {"POST": Route.MODERATIONS},
    "models": {"GET": Route.MODELS},
})  # fmt: skip
_OWN = _fixed({
    "/health/liveliness": {"GET": Route.LIVE, "HEAD": Route.LIVE},
    "/health/readiness": {"GET": Route.READY, "HEAD": Route.READY},
    "/gateway/admin/teams": {"GET": Route.ADMIN_TEAMS},
    "/gateway/admin/cache": {"GET": Route.ADMIN_CACHE},
    "/gateway/admin/cache/purge": {"POST": Route.ADMIN_PURGE},
    "/gateway/admin/cache/wrong": {"POST": Route.ADMIN_WRONG},
    "/gateway/admin/switches": {"GET": Route.ADMIN_SWITCHES, "POST": Route.ADMIN_SWITCH},
    "/gateway/admin/status": {"GET": Route.ADMIN_STATUS},
    "/gateway/admin/history": {"POST": Route.ADMIN_HISTORY},
    "/metrics": {"GET": Route.METRICS},
})  # fmt: skip
_PATTERNS: list[tuple[re.Pattern[str], dict[str, Match]]] = [
    (re.compile(r"models/(?P<id>[A-Za-z0-9._:-]{1,128})"), {"GET": Match(Route.MODEL)})
]
for _stored in STORED:
    _pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]{1,256})", _stored.pattern))
    _known = next((methods for pattern, methods in _PATTERNS if pattern.pattern == _pattern.pattern), None)
    if _known is None:
        _PATTERNS.append((_pattern, _known := {}))
    _known[_stored.method] = Match(Route.STORED, stored=_stored)

OPERATOR_ROUTES = frozenset({
    Route.ADMIN_TEAMS, Route.ADMIN_CACHE, Route.ADMIN_PURGE, Route.ADMIN_WRONG, Route.ADMIN_SWITCHES,
    Route.ADMIN_SWITCH, Route.ADMIN_STATUS, Route.ADMIN_HISTORY, Route.METRICS,
})  # fmt: skip
"""Routes that only the operator's key opens; the edge does not pass them on."""
OFFERED = (
    "POST /v1/chat/completions, /v1/responses, /v1/embeddings, /v1/moderations and /v1/conversations; "
    "GET /v1/models; GET and DELETE of responses and conversations"
)
"""For the reply to a path that is not there."""


def match(method: str, path: str) -> Match | None:
    """The route for exactly this method and path, or None. Nothing is decoded, trimmed or normalised.

    The API is there with and without `/v1`, since its clients' base URLs are; and after a base URL that ends in a
    slash some of them begin with two.
    """
    return _methods(path).get(method)


def methods(path: str) -> tuple[str, ...]:
    """The methods a known path takes; empty for an unknown one."""
    return tuple(_methods(path))


def _methods(path: str) -> Mapping[str, Match]:
    if path in _OWN:
        return _OWN[path]
    below = _below(path)
    if below in _API:
        return _API[below]
    for pattern, known in _PATTERNS:
        if found := pattern.fullmatch(below):
            return {method: Match(each.route, found.groupdict(), each.stored) for method, each in known.items()}
    return {}


def _below(path: str) -> str:
    """The path below the API's base URL."""
    rest = path.removeprefix("/v1") if path.startswith("/v1/") else path
    return rest[2:] if rest.startswith("//") else rest[1:]
