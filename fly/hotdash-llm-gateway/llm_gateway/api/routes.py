"""The allow-list of routes. What is not named here does not exist."""

from __future__ import annotations

from enum import Enum


class Route(Enum):
    """What a path leads to."""

    CHAT = "chat"
    MODELS = "models"
    LIVE = "live"
    READY = "ready"
    ADMIN_TEAMS = "admin teams"
    ADMIN_CACHE = "admin cache"
    ADMIN_PURGE = "admin purge"
    ADMIN_WRONG = "admin wrong"
    ADMIN_STATUS = "admin status"
    METRICS = "metrics"


_ROUTES: dict[str, dict[str, Route]] = {
    "/v1/chat/completions": {"POST": Route.CHAT},
    "/chat/completions": {"POST": Route.CHAT},
    "/v1/models": {"GET": Route.MODELS},
    "/models": {"GET": Route.MODELS},
    "/health/liveliness": {"GET": Route.LIVE, "HEAD": Route.LIVE},
    "/health/readiness": {"GET": Route.READY, "HEAD": Route.READY},
    "/gateway/admin/teams": {"GET": Route.ADMIN_TEAMS},
    "/gateway/admin/cache": {"GET": Route.ADMIN_CACHE},
    "/gateway/admin/cache/purge": {"POST": Route.ADMIN_PURGE},
    "/gateway/admin/cache/wrong": {"POST": Route.ADMIN_WRONG},
    "/gateway/admin/status": {"GET": Route.ADMIN_STATUS},
    "/metrics": {"GET": Route.METRICS},
}

OPERATOR_ROUTES = frozenset(
    {Route.ADMIN_TEAMS, Route.ADMIN_CACHE, Route.ADMIN_PURGE, Route.ADMIN_WRONG, Route.ADMIN_STATUS, Route.METRICS}
)
"""Routes that only the operator's key opens; the edge does not pass them on."""


def match(method: str, path: str) -> Route | None:
    """The route for exactly this method and path, or None. Nothing is decoded, trimmed or normalised."""
    return _ROUTES.get(path, {}).get(method)


def methods(path: str) -> tuple[str, ...]:
    """The methods a known path takes; empty for an unknown one."""
    return tuple(_ROUTES.get(path, ()))
