"""The allow-list of routes."""

from __future__ import annotations

import pytest
from llm_gateway.api.routes import OPERATOR_ROUTES, Match, Route, match, methods


def found(method: str, path: str) -> Match:
    it = match(method, path)
    assert it is not None
    return it


@pytest.mark.parametrize("base", ["/v1", "", "/v1/", "/"])
def test_the_api_is_there_below_every_base_url_that_clients_have(base: str) -> None:
    """With `/v1` and without; a base URL that ends in a slash makes some clients send two."""
    assert found("POST", f"{base}/chat/completions").route is Route.CHAT
    assert found("POST", f"{base}/responses").route is Route.RESPONSES
    assert found("POST", f"{base}/embeddings").route is Route.EMBEDDINGS
    assert found("POST", f"{base}/moderations").route is Route.MODERATIONS
    assert found("GET", f"{base}/models").route is Route.MODELS
    assert found("POST", f"{base}/conversations").route is Route.STORED


def test_operators_have_routes_of_their_own() -> None:
    assert found("GET", "/gateway/admin/teams").route in OPERATOR_ROUTES
    assert found("GET", "/metrics").route in OPERATOR_ROUTES


def test_a_path_names_a_model_or_what_is_kept() -> None:
    """G20: `models.retrieve`."""
    assert found("GET", "/v1/models/gpt-4o-2024-08-06") == Match(Route.MODEL, {"id": "gpt-4o-2024-08-06"})
    kept = found("DELETE", "/v1/conversations/conv_1/items/msg_2")
    assert (kept.route, kept.ids) == (Route.STORED, {"id": "conv_1", "item": "msg_2"})
    assert kept.stored is not None
    assert kept.stored.kind == "conversation"


@pytest.mark.parametrize(
    "path",
    [
        "", "/", "/v1/models/", "///v1/models", "//v1/models", "/V1/models", "/v1/models?x", "/v1/../v1/models",
        "/v1/files", "/v1/batches", "/v1/responses/", "/v1/responses/a/b", "/v1/responses//input_items", "/health",
        "/v1/v1/models", "/v1/models/gpt-4o/x", "/v1/conversations/conv_1/items/msg_2/x", "/v1///models",
        "/v1/models/gpt-4o\n",
    ],
)  # fmt: skip
def test_whatever_is_not_listed_letter_by_letter_is_not_there(path: str) -> None:
    assert match("GET", path) is match("POST", path) is None
    assert methods(path) == ()


def test_a_route_takes_its_own_methods_only() -> None:
    assert match("GET", "/v1/chat/completions") is None
    assert methods("/v1/chat/completions") == ("POST",)
    assert match("DELETE", "/gateway/admin/cache/purge") is None
    assert set(methods("/v1/responses/resp_1")) == {"GET", "DELETE"}
    assert set(methods("/v1/conversations/conv_1")) == {"GET", "POST", "DELETE"}
