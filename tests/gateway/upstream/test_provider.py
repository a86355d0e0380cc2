"""LiteLLM's answers and errors as ours; no network."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import httpx
import pytest
from litellm import exceptions
from llm_gateway.upstream.fallback import UpstreamError
from llm_gateway.upstream.upstream import Upstream, _chunk, _completion, _says_something, _translated

MODELS: dict[str, Any] = {
    "model_list": [
        {
            "model_name": "mini",
            "litellm_params": {
                "model": "openai/gpt-4o-mini",
                "api_key": "os.environ/TEST_KEY",
                "api_base": "http://127.0.0.1:9",
            },
        }
    ],
    "router_settings": {"num_retries": 0},
}
RESPONSE = httpx.Response(400, request=httpx.Request("POST", "http://127.0.0.1"))


def said(status: int, **body: Any) -> Exception:
    error = exceptions.APIError(status, "litellm's words", "openai", "mini")
    error.body = body or None
    return error


def test_the_clients_words_come_without_litellms_wrapping() -> None:
    wrapped = "litellm.BadRequestError: OpenAIException - too long\n\nLiteLLM: model group 'mini' failed"
    error = _translated(exceptions.BadRequestError(wrapped, "mini", "openai", response=RESPONSE))
    assert (error.status, error.message) == (400, "too long")


def test_code_type_and_param_of_the_provider_are_kept() -> None:
    error = _translated(said(400, message="too long", code="context_length_exceeded", type="t", param="messages"))
    assert (error.message, error.code, error.kind, error.param) == (
        "too long", "context_length_exceeded", "t", "messages",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (exceptions.Timeout("m", "mini", "openai"), 408),
        (exceptions.APIConnectionError("m", "openai", "mini"), 502),
        (said(503), 503),
        (ValueError("a bug"), 502),
        (UpstreamError(418, "ours"), 418),
    ],
)
def test_every_failure_has_a_status(error: Exception, status: int) -> None:
    assert _translated(error).status == status


def test_an_answer_holds_what_the_provider_documents_and_nothing_of_litellm() -> None:
    shown = _completion(
        {
            "id": "1", "object": "chat.completion", "created": 1, "model": "m", "_hidden": 1,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "hi", "provider_specific_fields": {}},
                    "provider_specific_fields": {},
                }
            ],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2, "cost": 0.1},
        }
    )  # fmt: skip
    assert "provider_specific_fields" not in str(shown)
    assert set(shown["usage"]) == {"prompt_tokens", "completion_tokens", "total_tokens"}
    assert "_hidden" not in shown


def test_a_usage_chunk_has_no_choices_and_a_role_alone_says_nothing() -> None:
    usage = _chunk("mini", {"id": "1", "choices": [{"index": 0, "delta": {}}], "usage": {"total_tokens": 2}})
    assert usage["choices"] == []
    role = _chunk("mini", {"id": "1", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})
    word = _chunk("mini", {"id": "1", "choices": [{"index": 0, "delta": {"content": "hi"}}]})
    call = _chunk("mini", {"id": "1", "choices": [{"index": 0, "delta": {"tool_calls": [{}]}}]})
    assert [_says_something(chunk) for chunk in (usage, role, word, call)] == [False, False, True, True]


def test_the_endpoint_of_a_model_is_resolved_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", "value")
    endpoint = Upstream(MODELS).endpoint("mini")
    assert (endpoint.base_url, endpoint.api_key, endpoint.model) == ("http://127.0.0.1:9", "value", "gpt-4o-mini")
    assert "value" not in repr(endpoint)


def test_a_closed_port_is_a_connection_error_and_warming_up_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", "value")

    async def main() -> None:
        upstream = Upstream(MODELS)
        await upstream.warm("mini")
        with pytest.raises(UpstreamError) as failed:
            await upstream.complete("mini", {"messages": [{"role": "user", "content": "hi"}]})
        assert failed.value.status in (500, 502)

    asyncio.run(main())


def test_no_openai_key_is_left_for_litellm_to_find() -> None:
    assert "OPENAI_API_KEY" not in os.environ
