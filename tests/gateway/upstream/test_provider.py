"""The way to the provider and back: bytes untouched, failures told apart."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import pytest
from llm_gateway.upstream.deployments import Deployment, NoDeployment
from llm_gateway.upstream.errors import UpstreamError
from llm_gateway.upstream.provider import Provider, encode

from tests.gateway.scripted_upstream import ScriptedUpstream, Told, told
from tests.gateway.valkey_server import free_port

T = TypeVar("T")
ODD = '{ "refusal" : null,\t"text":"é \\u00e9 \\ud83d\\ude00 ✓", "n": 1.0e2, "n": 12345678901234567890123 }\n'.encode()


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


class One:
    """Always the same deployment."""

    def __init__(self, base_url: str, timeout_s: float) -> None:
        self._deployment = Deployment(base_url, "sk-test", "gpt-4o-mini-there", timeout_s)

    async def choose(self, model: str) -> Deployment:
        if model != "mini":
            raise NoDeployment(model)
        return self._deployment


def ask(base_url: str, work: Callable[[Provider], Awaitable[T]], *, timeout_s: float = 30) -> T:
    async def main() -> T:
        provider = Provider(One(base_url, timeout_s))
        try:
            return await work(provider)
        finally:
            await provider.aclose()

    return asyncio.run(main())


def failure(base_url: str, *, timeout_s: float = 30, model: str = "mini") -> UpstreamError:
    with pytest.raises(UpstreamError) as failed:
        ask(base_url, lambda provider: provider.whole(model, "chat/completions", b'{"n":1}'), timeout_s=timeout_s)
    return failed.value


async def pieces(provider: Provider) -> list[bytes]:
    return [piece async for piece in await provider.stream("mini", "responses", b'{"stream":true}')]


def test_a_request_travels_with_the_deployments_name_and_key_and_its_bytes_as_they_are(
    upstream: ScriptedUpstream,
) -> None:
    upstream.script = lambda asked: told({})
    content = encode({"messages": [{"role": "user", "content": "é ✓"}], "seed": 5})
    ask(upstream.base_url, lambda provider: provider.whole("mini", "chat/completions", content))
    (asked,) = upstream.asked
    assert (asked.method, asked.path) == ("POST", "/v1/chat/completions")
    assert asked.body == b'{"model":"gpt-4o-mini-there",' + content[1:]
    assert asked.headers["authorization"] == "Bearer sk-test"
    assert asked.headers["content-type"] == "application/json"


def test_a_body_that_names_no_model_is_sent_as_it_is(upstream: ScriptedUpstream) -> None:
    upstream.script = lambda asked: told({})
    ask(upstream.base_url, lambda provider: provider.whole("mini", "moderations", ODD, names_model=False))
    ask(upstream.base_url, lambda provider: provider.whole("mini", "responses/resp_1", None, method="DELETE"))
    assert [(asked.method, asked.body) for asked in upstream.asked] == [("POST", ODD), ("DELETE", b"")]


def test_a_whole_answer_comes_back_byte_for_byte_with_its_headers(upstream: ScriptedUpstream) -> None:
    upstream.script = lambda asked: Told(ODD, headers={"x-request-id": "req_1"})
    answer = ask(upstream.base_url, lambda provider: provider.whole("mini", "chat/completions", b'{"n":1}'))
    assert (answer.status, answer.body, answer.headers["x-request-id"]) == (200, ODD, "req_1")


def test_a_stream_comes_back_byte_for_byte(upstream: ScriptedUpstream) -> None:
    sent = [b"data: a\r", b"\n\r\nda", b"ta: [DO", b"NE]\n\n", ODD]
    upstream.script = lambda asked: Told(sent)
    assert b"".join(ask(upstream.base_url, pieces)) == b"".join(sent)


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422, 429, 500, 503])
def test_the_providers_error_comes_in_its_own_words_and_bytes(upstream: ScriptedUpstream, status: int) -> None:
    """G6."""
    error = {"message": "too long", "type": "invalid_request_error", "param": "messages", "code": "context_length"}
    body = json.dumps({"error": error}, indent=2).encode()
    upstream.script = lambda asked: Told(body, status, {"retry-after": "7"})
    failed = failure(upstream.base_url)
    assert (failed.status, failed.body, failed.headers["retry-after"]) == (status, body, "7")
    assert {"message": failed.message, "type": failed.kind, "param": failed.param, "code": failed.code} == error
    assert not failed.unsettled


@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b"[]", b'{"error":"x"}', b'{"error":{}}', b"\xff"])
def test_an_error_in_another_shape_has_its_status(upstream: ScriptedUpstream, body: bytes) -> None:
    upstream.script = lambda asked: Told(body, 502)
    failed = failure(upstream.base_url)
    assert (failed.status, failed.body) == (502, None)
    assert "502" in failed.message


def test_a_connection_that_breaks_after_the_request_leaves_it_unsettled(upstream: ScriptedUpstream) -> None:
    """G11."""
    upstream.script = lambda asked: Told(ending="reset")
    failed = failure(upstream.base_url)
    assert (failed.status, failed.unsettled) == (502, True)


@pytest.mark.parametrize("ending", ["reset", "cut"])
def test_a_stream_that_breaks_is_an_error_after_what_had_come(upstream: ScriptedUpstream, ending: Any) -> None:
    upstream.script = lambda asked: Told([b"data: 1\n\n"], ending=ending)
    with pytest.raises(UpstreamError) as failed:
        ask(upstream.base_url, pieces)
    assert failed.value.unsettled


@pytest.mark.parametrize("answer", [Told([], ending="hang"), Told([b"data: 1\n\n"], ending="hang")])
def test_a_provider_that_says_nothing_more_is_a_timeout(upstream: ScriptedUpstream, answer: Told) -> None:
    upstream.script = lambda asked: answer
    with pytest.raises(UpstreamError) as failed:
        ask(upstream.base_url, pieces, timeout_s=0.3)
    assert (failed.value.status, failed.value.unsettled) == (408, True)


def test_a_provider_that_cannot_be_reached_has_billed_nothing() -> None:
    failed = failure(f"http://127.0.0.1:{free_port()}/v1")
    assert (failed.status, failed.unsettled) == (502, False)


def test_a_model_without_a_deployment_is_unavailable(upstream: ScriptedUpstream) -> None:
    failed = failure(upstream.base_url, model="small")
    assert (failed.status, failed.unsettled, upstream.asked) == (503, False, [])
