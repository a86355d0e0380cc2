"""The allow-list of routes."""

from __future__ import annotations

import pytest
from llm_gateway.api.routes import OPERATOR_ROUTES, Route, match, methods


def test_the_listed_routes_are_found() -> None:
    assert match("POST", "/v1/chat/completions") is match("POST", "/chat/completions") is Route.CHAT
    assert match("GET", "/v1/models") is Route.MODELS
    assert match("GET", "/gateway/admin/teams") in OPERATOR_ROUTES


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/v1/models/",
        "//v1/models",
        "/V1/models",
        "/v1/models?x",
        "/v1/../v1/models",
        "/v1/embeddings",
        "/health",
    ],
)
def test_whatever_is_not_listed_letter_by_letter_is_not_there(path: str) -> None:
    assert match("GET", path) is match("POST", path) is None
    assert methods(path) == ()


def test_a_route_takes_its_own_methods_only() -> None:
    assert match("GET", "/v1/chat/completions") is None
    assert methods("/v1/chat/completions") == ("POST",)
    assert match("DELETE", "/gateway/admin/cache/purge") is None
