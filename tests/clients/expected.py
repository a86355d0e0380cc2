"""What each feature must show, whichever client shows it: `CHECKS[feature](client, api, seen, asked)`.

`seen` is what the client's user sees, `asked` the requests of that feature that reached the provider. Both must be as
they would be without a gateway between.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ops.standins.openai.decide import REFUSAL
from tests.clients.catalogue import FAILURES, Client
from tests.clients.running import PICTURE
from tests.clients.stack import STACK

Seen = dict[str, Any]
Asked = Sequence[Mapping[str, Any]]
Check = Callable[[Client, str, Seen, Asked], None]

MODEL = STACK.models.default
PATHS = {"chat": "/v1/chat/completions", "responses": "/v1/responses"}
STATUS = dict(zip(FAILURES, (401, 404, 400, 429), strict=True))
CODE = dict(
    zip(FAILURES, ("invalid_api_key", "model_not_found", "context_length_exceeded", "rate_limit_exceeded"), strict=True)
)
VECTOR = 3072
SHOW_IDS = ("openai-python", "openai-node", "curl")
"""Clients whose errors name the request (G19)."""


def question(client: Client, api: str, feature: str, words: str = "How are you?") -> str:
    """The question that a program asks."""
    return f"[{client.id}/{api}/{feature}] {words}"


def answered(text: str, asked: str) -> None:
    """It is the provider's answer to this question, whole."""
    assert text.startswith(f'You asked: "{asked}". This is a rehearsed answer from {MODEL}'), text


def plain(client: Client, api: str, seen: Seen, asked: Asked) -> None:
    answered(seen["text"], question(client, api, "plain"))
    assert [one["path"] for one in asked] == [PATHS[api]]


def streamed(client: Client, api: str, seen: Seen, asked: Asked) -> None:
    answered(seen["text"], question(client, api, "streamed"))
    assert seen["pieces"] > 5
    assert asked[0]["body"]["stream"] is True
    assert seen.get("tokens", 1) > 0
    assert not seen.get("problems")


def streamed_usage(client: Client, api: str, seen: Seen, asked: Asked) -> None:
    assert seen["tokens"] > 20


def one_call(client: Client, api: str, feature: str, seen: Seen, name: str = "get_weather") -> None:
    wanted = question(client, api, feature, f"Use {name}.")
    assert seen["calls"] == [{"name": name, "arguments": {"city": wanted}}]


def tool(client: Client, api: str, seen: Seen, asked: Asked) -> None:
    one_call(client, api, "tool", seen)
    answered(seen["text"], question(client, api, "tool", "Use get_weather."))
    assert "The tools said: 18 degrees" in seen["text"]
    assert "get_weather" in tools_of(asked[0])


def two_calls(feature: str) -> Check:
    def check(client: Client, api: str, seen: Seen, asked: Asked) -> None:
        city = {"city": question(client, api, feature, "Use get_weather and get_time.")}
        wanted = [{"name": name, "arguments": city} for name in ("get_weather", "get_time")]
        assert sorted(seen["calls"], key=lambda call: str(call["name"]), reverse=True) == wanted
        assert sorted(tools_of(asked[0])) == ["get_time", "get_weather"]
        assert bool(asked[0]["body"].get("stream")) == (feature == "tools_streamed")
        assert not seen.get("problems")

    return check


def tool_strict(client: Client, api: str, seen: Seen, asked: Asked) -> None:
    name = {"openai-python": "Weather", "openai-node": "weather_in"}.get(client.guide, "get_weather")
    one_call(client, api, "tool_strict", seen, name)
    (first, *_) = functions_of(asked[0])
    assert first["strict"] is True
    assert first["parameters"]["additionalProperties"] is False


def functions_of(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The function tools of a request, in one shape for both APIs."""
    return [tool.get("function", tool) for tool in request["body"]["tools"]]


def tools_of(request: Mapping[str, Any]) -> list[str]:
    return [function["name"] for function in functions_of(request)]


def an_order(value: Any, asked: str) -> None:
    assert set(value) == {"number", "status", "paid"}, value
    assert isinstance(value["number"], int)
    assert (value["status"], value["paid"]) == (asked, True)


def structured(feature: str) -> Check:
    def check(client: Client, api: str, seen: Seen, asked: Asked) -> None:
        for value in seen.get("values") or [seen["value"]]:
            an_order(value, question(client, api, feature))
        if feature in ("structured_streamed", "structured_list"):
            assert asked[0]["body"]["stream"] is True
            assert seen.get("pieces", 2) > 1

    return check


def vision(client: Client, api: str, seen: Seen, asked: Asked) -> None:
    if "value" in seen:
        an_order(seen["value"], question(client, api, "vision"))
    else:
        answered(seen["text"], question(client, api, "vision"))
    assert PICTURE in json.dumps(asked[0]["body"]), "the picture did not reach the provider as it was"


def refusal(client: Client, api: str, seen: Seen, asked: Asked) -> None:
    assert seen["refusal"] == REFUSAL
    assert seen.get("raised", "") == client.refuses


def refusal_streamed(client: Client, api: str, seen: Seen, asked: Asked) -> None:
    assert seen["refusal"] == REFUSAL
    assert seen["pieces"] > 3


def embeddings(client: Client, api: str, seen: Seen, asked: Asked) -> None:
    assert seen["lengths"] == [VECTOR, VECTOR]
    assert seen["short"] == 256
    assert seen.get("apart", 0.0) < 1e-6
    assert seen.get("tokens", 1) > 0


def models(client: Client, api: str, seen: Seen, asked: Asked) -> None:
    assert {MODEL, STACK.models.fallback, STACK.models.embedding} <= set(seen["listed"])
    assert seen["one"] == MODEL


def request_id(client: Client, api: str, seen: Seen, asked: Asked) -> None:
    assert seen["request_id"]
    assert seen["request_id"] == seen["header"]


def base_urls(client: Client, api: str, seen: Seen, asked: Asked) -> None:
    """With /v1 and without, with a trailing slash and without."""
    if "values" in seen:
        assert [value["status"] for value in seen["values"]] == [
            question(client, api, f"base_urls {at}") for at in range(4)
        ]
        return
    assert len(seen["texts"]) == 4
    for at, text in enumerate(seen["texts"]):
        answered(text, question(client, api, f"base_urls {at}"))


def failure(feature: str) -> Check:
    def check(client: Client, api: str, seen: Seen, asked: Asked) -> None:
        assert seen["raised"] == client.errors[FAILURES.index(feature)], seen
        assert seen["status"] == STATUS[feature], seen
        assert seen["code"] == CODE[feature], seen
        if client.guide in SHOW_IDS:
            assert seen["request_id"], seen
        if feature == "too_many":
            assert seen["retry_after"] in ("1", None), seen
        if feature in ("unauthorised", "unknown_model"):
            assert not asked, "the provider was asked"

    return check


def waited(client: Client, api: str, seen: Seen, asked: Asked) -> None:
    """The provider refused until the client had waited as long as it was told."""
    if "value" in seen:
        an_order(seen["value"], question(client, api, "waited"))
    else:
        answered(seen["text"], question(client, api, "waited"))
    assert seen["seconds"] >= 1
    assert len(asked) > 1


def triage(feature: str) -> Check:
    def check(client: Client, api: str, seen: Seen, asked: Asked) -> None:
        words = question(client, api, feature, "First transfer_to_orders, then lookup_order.")
        answered(seen["text"], words)
        assert seen["text"].endswith("the order is on its way.")
        assert (seen["agent"], seen["done"]) == ("orders", ["lookup_order"])
        assert [sorted(tools_of(one)) for one in asked] == [
            ["transfer_to_orders", "transfer_to_returns"],
            ["lookup_order"],
            ["lookup_order"],
        ]
        in_stream(feature, seen, asked)

    return check


def approval(feature: str) -> Check:
    def check(client: Client, api: str, seen: Seen, asked: Asked) -> None:
        assert seen["asked"] == ["issue_refund"]
        assert seen["after"] == ["issue_refund"], "the tool ran once, after it was approved"
        assert "the money is paid back" in seen["text"]
        if "agent" not in seen:
            assert seen["before"] == []
            return
        assert seen["before"] == ["lookup_order"]
        assert seen["agent"] == "returns"
        assert "the order is on its way; the money is paid back" in seen["text"]
        in_stream(feature, seen, asked)

    return check


def in_stream(feature: str, seen: Seen, asked: Asked) -> None:
    is_stream = feature.endswith("_streamed")
    assert (seen["events"] > 10) == is_stream
    assert {bool(one["body"].get("stream")) for one in asked} == {is_stream}


CHECKS: dict[str, Check] = {
    "plain": plain,
    "streamed": streamed,
    "streamed_usage": streamed_usage,
    "tool": tool,
    "tools_parallel": two_calls("tools_parallel"),
    "tools_streamed": two_calls("tools_streamed"),
    "tool_strict": tool_strict,
    "structured": structured("structured"),
    "structured_streamed": structured("structured_streamed"),
    "structured_list": structured("structured_list"),
    "structured_strict": structured("structured_strict"),
    "vision": vision,
    "refusal": refusal,
    "refusal_streamed": refusal_streamed,
    "embeddings": embeddings,
    "models": models,
    "request_id": request_id,
    "base_urls": base_urls,
    **{feature: failure(feature) for feature in FAILURES},
    "waited": waited,
    "triage": triage("triage"),
    "triage_streamed": triage("triage_streamed"),
    "approval": approval("approval"),
    "approval_streamed": approval("approval_streamed"),
}
