"""What a client may send, and how it is refused otherwise. Cases G14 to G17, G20 to G24 and G29 to G31."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from tests.gateway.scripted_upstream import ScriptedUpstream, told
from tests.integration.gateway.conftest import Ask
from tests.integration.gateway.harness import GatewayProcess
from tests.integration.gateway.saying import TOOL, completion, embedding

RESPONSE = {
    "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "gpt-4o-mini-2024-07-18",
    "output": [
        {
            "id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": "30 days.", "annotations": [], "logprobs": []}],
        }
    ],
    "usage": {"input_tokens": 9, "output_tokens": 3, "total_tokens": 12},
}  # fmt: skip


def test_g14_a_logit_bias_of_100000_entries_is_refused_at_the_providers_cap(
    say: Ask, scripted: ScriptedUpstream, word: str
) -> None:
    """G14."""
    refused = say(word, logit_bias={str(token): 1 for token in range(100_000)})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "logit_bias")
    assert scripted.asked == []


@pytest.mark.parametrize("role", [["user"], {}, 5, True, "king", ""])
def test_g15_a_role_of_another_type_is_the_clients_mistake(
    say: Ask, scripted: ScriptedUpstream, word: str, role: Any
) -> None:
    """G15: in both APIs."""
    for path, name in (("/v1/chat/completions", "messages"), ("/v1/responses", "input")):
        refused = say(word, path=path, **{name: [{"role": role, "content": "hi"}]})
        assert refused.status_code == 400
        error = refused.json()["error"]
        assert (error["param"], error["type"]) == (f"{name}[0].role", "invalid_request_error")
    assert scripted.asked == []


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/embeddings"])
def test_g16_an_unknown_model_is_not_found(say: Ask, scripted: ScriptedUpstream, word: str, path: str) -> None:
    """G16."""
    refused = say(word, path=path, model="gpt-9")
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["param"]) == (404, "model_not_found", "model")
    assert scripted.asked == []


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
def test_g17_the_name_that_answers_carry_is_a_name_for_its_model(
    say: Ask, scripted: ScriptedUpstream, word: str, path: str
) -> None:
    """G17."""
    scripted.script = lambda asked: told(completion() if "chat" in asked.path else RESPONSE)
    answer = say(word, path=path, model="gpt-4o-mini-2024-07-18")
    assert (answer.status_code, answer.headers["x-gateway-model"]) == (200, "gpt-4o-mini")
    assert scripted.asked[0].sent["model"] == "gpt-4o-mini"


@pytest.mark.parametrize("name", ["gpt-4o", "gpt-4o-mini", "text-embedding-3-large", "gpt-4o-2024-08-06"])
@pytest.mark.parametrize("base", ["/v1", "", "/v1/"])
def test_g20_a_model_can_be_retrieved(plain_gateway: GatewayProcess, name: str, base: str) -> None:
    """G20."""
    with plain_gateway.client("admin") as client:
        answer = client.get(f"{plain_gateway.url}{base}/models/{name}")
        assert (answer.status_code, answer.json()["id"], answer.json()["object"]) == (200, name, "model")
        refused = client.get("/v1/models/gpt-9")
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/files", "/v1/batches", "/v1/audio/speech", "/v1/images/generations", "/v1/completions", "/v1/assistants",
        "/v1/threads", "/v1/vector_stores", "/v1/realtime", "/v1/fine_tuning/jobs", "/v1/uploads", "/nonsense",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_g21_a_path_that_is_not_offered_says_what_is(plain_gateway: GatewayProcess, method: str, path: str) -> None:
    """G21: in OpenAI's error shape."""
    with plain_gateway.client("admin") as client:
        answer = client.request(method, path)
    error = answer.json()["error"]
    assert (answer.status_code, set(error)) == (404, {"message", "type", "param", "code"})
    assert "/v1/chat/completions" in error["message"]
    assert "/v1/responses" in error["message"]


G22: dict[str, Any] = {
    "service_tier": "flex", "reasoning_effort": "low", "verbosity": "low", "prompt_cache_retention": "24h",
    "metadata": {"ticket": "17"}, "prompt_cache_key": "k", "safety_identifier": "s", "store": True,
    "prediction": {"type": "content", "content": "x"}, "parallel_tool_calls": True, "modalities": ["text"],
}  # fmt: skip


@pytest.mark.parametrize("name", G22)
def test_g22_a_parameter_reaches_the_provider(say: Ask, scripted: ScriptedUpstream, word: str, name: str) -> None:
    """G22."""
    scripted.script = lambda asked: told(completion())
    fields = {"tools": [TOOL]} if name == "parallel_tool_calls" else {}
    assert say(word, **{name: G22[name]}, **fields).status_code == 200
    (sent,) = scripted.posted("chat/completions")
    assert sent[name] == G22[name]


@pytest.mark.parametrize("field", [{"web_search_options": {}}, {"service_tier": "priority"}, {"some_new_field": 1}])
def test_g22_or_is_refused_by_name(say: Ask, scripted: ScriptedUpstream, word: str, field: dict[str, Any]) -> None:
    """G22."""
    (name,) = field
    refused = say(word, **field)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, name)
    assert scripted.asked == []


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
@pytest.mark.parametrize("stream", [{}, {"stream": False}])
def test_g24_stream_options_need_a_stream(
    say: Ask, scripted: ScriptedUpstream, word: str, path: str, stream: dict[str, Any]
) -> None:
    """G24."""
    refused = say(word, path=path, stream_options={"include_obfuscation": True}, **stream)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "stream_options")
    assert scripted.asked == []


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/v1/moderations"])
def test_g29_a_compressed_body_is_refused_by_name(plain_gateway: GatewayProcess, path: str) -> None:
    """G29."""
    body = gzip.compress(json.dumps({"input": "hi"}).encode())
    with plain_gateway.client("admin") as client:
        refused = client.post(path, content=body, headers={"content-encoding": "gzip"})
    assert refused.status_code == 415
    assert "gzip" in refused.json()["error"]["message"]


@pytest.mark.parametrize("given", ["one text", ["a", "b"], [5, 6, 7], [[5, 6], [7]]])
def test_g30_embeddings_are_served(say: Ask, scripted: ScriptedUpstream, word: str, given: Any) -> None:
    """G30: a text, texts, token numbers, several lists of them."""
    scripted.script = lambda asked: embedding(asked)
    answer = say(word, path="/v1/embeddings", model="text-embedding-3-large", input=given, dimensions=256)
    assert answer.status_code == 200
    assert {item["object"] for item in answer.json()["data"]} == {"embedding"}
    assert {name: scripted.asked[0].sent[name] for name in ("input", "dimensions")} == {
        "input": given, "dimensions": 256,
    }  # fmt: skip


@pytest.mark.parametrize("base", ["/v1", "", "/v1/"])
def test_g31_responses_are_served(
    plain_gateway: GatewayProcess, scripted: ScriptedUpstream, word: str, base: str
) -> None:
    """G31: the body reaches the provider, the response comes back as it was sent."""
    scripted.script = lambda asked: told(RESPONSE)
    sent = {"model": "gpt-4o-mini", "input": word, "instructions": "be brief", "reasoning": None, "truncation": "auto"}
    with plain_gateway.client("admin") as client:
        answer = client.post(f"{plain_gateway.url}{base}/responses", json=sent)
    assert (answer.status_code, answer.json()) == (200, RESPONSE)
    (arrived,) = scripted.posted("responses")
    kept = {name: value for name, value in sent.items() if value is not None}
    assert arrived == {**kept, "max_output_tokens": 256}
