"""What a client sees: models, caches, streams, escalation, headers, and what it cannot reach."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest

from tests.integration.gateway.conftest import Ask
from tests.integration.gateway.harness import GatewayProcess, Provider, Sink, wait_until
from tests.integration.gateway.outcomes import outcomes

JUDGE = "You guard a cache of answers"
"""How the judge's instructions begin."""


def events(answer: httpx.Response) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def spoken(answer: httpx.Response) -> str:
    return "".join(choice["delta"].get("content") or "" for event in events(answer)[:-1] for choice in event["choices"])


def test_identical_requests_after_the_first_are_exact_hits_within_100_ms(
    ask: Ask, provider: Provider, word: str
) -> None:
    first = ask(f"about {word}")
    assert (first.status_code, first.headers["x-gateway-cache"]) == (200, "miss")
    took_ms = []
    for _ in range(10):
        began = time.perf_counter()
        again = ask(f"about {word}")
        took_ms.append((time.perf_counter() - began) * 1000)
        assert again.headers["x-gateway-cache"] == "exact"
        assert again.json() == first.json()
    # Of ten, so that a busy machine does not decide.
    assert min(took_ms) < 100
    assert provider.calls("gpt-4o-mini") == 1


def test_neither_field_order_nor_stream_nor_labels_make_another_request(
    ask: Ask, provider: Provider, word: str
) -> None:
    ask(f"about {word}", temperature=0.5, seed=1)
    assert ask(f"about {word}", seed=1, temperature=0.5).headers["x-gateway-cache"] == "exact"
    streamed = ask(f"about {word}", seed=1, temperature=0.5, stream=True, metadata={"label": "x"})
    assert streamed.headers["x-gateway-cache"] == "exact"
    assert ask(f"about {word}", seed=2, temperature=0.5).headers["x-gateway-cache"] != "exact"
    assert provider.calls("gpt-4o-mini") == 2


def test_a_streamed_answer_is_replayed_to_stream_and_non_stream_callers(
    ask: Ask, provider: Provider, word: str
) -> None:
    first = ask(f"about {word}", stream=True)
    assert first.headers["content-type"].startswith("text/event-stream")
    assert events(first)[-1] == "[DONE]"
    whole, again = ask(f"about {word}"), ask(f"about {word}", stream=True)
    assert whole.headers["x-gateway-cache"] == again.headers["x-gateway-cache"] == "exact"
    assert whole.json()["choices"][0]["message"]["content"] == spoken(first) == spoken(again)
    assert provider.calls("gpt-4o-mini") == 1


@pytest.mark.parametrize("again", [False, True])
def test_usage_is_streamed_only_to_who_asks_for_it(ask: Ask, word: str, *, again: bool) -> None:
    if again:
        ask(f"about {word}")
    asked = ask(f"about {word}", stream=True, stream_options={"include_usage": True})
    assert events(asked)[-2]["usage"]["total_tokens"] > 0
    assert all(not event.get("usage") for event in events(ask(f"about {word}", stream=True))[:-1])


def test_identical_requests_in_flight_share_one_call(gateway: GatewayProcess, provider: Provider, word: str) -> None:
    import concurrent.futures

    provider.fault(contains=word, delay_s=0.5)
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": f"about {word}"}]}
    with gateway.client("admin") as client, concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.post("/v1/chat/completions", json=body), range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert provider.calls("gpt-4o-mini") == 1
    assert sorted(answer.headers["x-gateway-cache"] for answer in answers) == ["exact"] * 7 + ["miss"]


def test_no_cache_skips_reading_and_no_store_skips_keeping(ask: Ask, provider: Provider, word: str) -> None:
    assert ask(f"about {word}", cache={"no-store": True}).headers["x-gateway-cache"] == "miss"
    assert ask(f"about {word}", headers={"Cache-Control": "no-store"}).headers["x-gateway-cache"] == "miss"
    assert ask(f"about {word}").headers["x-gateway-cache"] == "miss"
    assert ask(f"about {word}", cache={"no-cache": True}).headers["x-gateway-cache"] == "bypass"
    assert provider.calls("gpt-4o-mini") == 4


def test_a_similar_question_in_the_same_partition_only_is_served(ask: Ask, provider: Provider, word: str) -> None:
    provider.reply(contains=word, system=JUDGE, reply="yes")
    first = ask(f"How do I reset the {word} password?")
    similar = ask(f"What resets my {word} password?")
    assert similar.headers["x-gateway-cache"] == "semantic"
    assert 0.5 < float(similar.headers["x-gateway-similarity"]) < 1
    assert similar.json()["id"] == first.json()["id"]
    spelt = ask(f"how do I reset the {word}  password")
    assert spelt.headers["x-gateway-cache"] == "semantic"
    assert "x-gateway-similarity" not in spelt.headers  # None was measured.
    other_user = ask(f"how do I reset the {word}  password", user="somebody-else")
    assert (other_user.headers["x-gateway-cache"], other_user.json()["id"]) == ("semantic", first.json()["id"])
    calls = provider.calls("gpt-4o-mini")
    with_system = ask(
        "-",
        messages=[
            {"role": "system", "content": "Answer as a pirate."},
            {"role": "user", "content": f"how do I reset the {word} password"},
        ],
    )
    assert with_system.headers["x-gateway-cache"] == "miss"
    assert provider.calls("gpt-4o-mini") == calls + 1


def test_an_exact_hit_asks_for_no_embedding(ask: Ask, provider: Provider, word: str) -> None:
    ask(f"about {word}")
    ask(f"about {word}")
    assert provider.calls("text-embedding-3-large", "embeddings") == 1


def test_more_than_2000_input_tokens_are_answered_by_gpt_4o(ask: Ask, provider: Provider, word: str) -> None:
    long = ask(f"{word} " + "word " * 2100)
    assert long.headers["x-gateway-model"] == "gpt-4o"
    assert long.headers["x-gateway-escalated"] == "true"
    assert long.json()["model"].startswith("gpt-4o-2024")
    short = ask(f"{word} " + "word " * 1900)
    assert (short.headers["x-gateway-model"], short.headers["x-gateway-escalated"]) == ("gpt-4o-mini", "false")
    assert (provider.calls("gpt-4o"), provider.calls("gpt-4o-mini")) == (1, 1)


@pytest.mark.parametrize(
    "model",
    [
        "gpt-5",
        "openai/gpt-4o-mini",
        "gpt-4o-mini,gpt-4o",
        "text-embedding-3-large",
        " gpt-4o-mini",
        "GPT-4o",
        "",
    ],
)
def test_any_other_model_does_not_exist(ask: Ask, provider: Provider, word: str, model: str) -> None:
    """G16."""
    refused = ask(word, model=model)
    assert refused.status_code == 404
    error = refused.json()["error"]
    assert (error["code"], error["type"], error["param"]) == ("model_not_found", "invalid_request_error", "model")
    assert provider.requests() == []


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": []},
        {"messages": "hi"},
        {"messages": [{"role": "king", "content": "hi"}]},
        {"messages": [{"role": "user", "content": 5}]},
        {"max_tokens": 0},
        {"max_tokens": "many"},
        {"n": -1},
        {"stream": "yes"},
        {"model": ["gpt-4o"]},
        {"model": {}},
    ],
)
def test_a_malformed_request_is_refused_before_anybody_is_paid(
    ask: Ask, provider: Provider, fields: dict[str, Any]
) -> None:
    refused = ask("hi", **fields)
    assert refused.status_code == 400
    assert refused.json()["error"]["type"] == "invalid_request_error"
    assert provider.requests() == []


@pytest.mark.parametrize("depth", [100, 400, 800, 5000])
def test_a_deeply_nested_body_is_refused_or_answered_but_breaks_nothing(
    gateway: GatewayProcess, word: str, depth: int
) -> None:
    tools = '[{"x":' * depth + "1" + "}]" * depth
    body = f'{{"model": "gpt-4o-mini", "messages": [{{"role": "user", "content": "{word}"}}], "tools": {tools}}}'
    with gateway.client("admin") as client:
        assert client.post("/v1/chat/completions", content=body).status_code in (200, 400)
        assert client.get("/health/readiness").status_code == 200


@pytest.mark.parametrize(
    "extra",
    [
        '"logprobs": true, "response_format": ' + '{"x":' * 900 + "1" + "}" * 900,
        '"logit_bias": {"5": 1e999}',
        '"seed": ' + "9" * 5000,
        '"user": "\\ud800"',
        '"user": "\x00"',
        '"max_completion_tokens": -5',
        '"max_tokens": 5, "max_tokens": 0',
        '"stop": {"x": 1}',
        '"tools": {"x": 1}',
        '"n": 1000000',
    ],
)
def test_a_hostile_body_is_refused_before_anybody_is_paid(
    gateway: GatewayProcess, provider: Provider, word: str, extra: str
) -> None:
    body = f'{{"messages": [{{"role": "user", "content": "{word}"}}], {extra}}}'
    with gateway.client("admin") as client:
        refused = client.post("/v1/chat/completions", content=body)
    assert refused.status_code == 400, refused.text
    assert provider.requests() == []


def test_a_request_larger_than_every_limit_is_refused_and_books_nothing(
    ask: Ask, gateway: GatewayProcess, provider: Provider, word: str
) -> None:
    def used() -> dict[str, Any]:
        with gateway.operator() as operator:
            teams = operator.get("/gateway/admin/teams").json()["teams"]
        return {name: value for name, value in teams[0]["used"].items() if name != "requests"}

    before = used()
    refused = ask(word, max_tokens=10**10)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "request_above_limit")
    assert (refused.headers["x-gateway-limit"], refused.headers["x-should-retry"]) == ("tokens", "false")
    assert "retry-after" not in refused.headers
    assert provider.requests() == []
    assert used() == before


def test_an_endless_user_name_costs_neither_the_cache_nor_the_trace_its_bounds(ask: Ask, sink: Sink, word: str) -> None:
    name = "x" * 1_000_000
    assert ask(f"about {word}", user=name + "1").headers["x-gateway-cache"] == "miss"
    # End users share what was said to the very same question, unless the stack keeps them apart.
    assert ask(f"about {word}", user=name + "2").headers["x-gateway-cache"] == "exact"
    assert ask(f"about {word}", user=name + "1").headers["x-gateway-cache"] == "exact"

    def mine() -> list[dict[str, Any]]:
        return [span for span in sink.spans() if word in str(span.get("langfuse.observation.input"))]

    wait_until(lambda: len(mine()) == 3)
    assert max(len(str(value)) for span in mine() for value in span.values()) < 1000


STEERING: dict[str, Any] = {
    "no-log": True,
    "mock_response": "free of charge",
    "api_base": "http://127.0.0.1:9",
    "api_key": "sk-other",
    "fallbacks": ["text-embedding-3-large"],
    "num_retries": 9,
    "caching": False,
    "cache_key": "mine",
    "tags": ["x"],
    "extra_body": {"x": 1},
    "service_tier": "priority",
}


@pytest.mark.parametrize("name", STEERING)
def test_a_field_that_would_steer_a_proxy_is_refused_by_name(
    ask: Ask, provider: Provider, word: str, name: str
) -> None:
    """G22: never dropped in silence."""
    refused = ask(word, **{name: STEERING[name]})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, name)
    assert provider.requests() == []


def test_a_default_bound_is_sent_when_the_client_sets_none(ask: Ask, provider: Provider, word: str) -> None:
    ask(word)
    assert [r["body"].get("max_completion_tokens") for r in provider.requests() if "messages" in r["body"]] == [256]


def test_tools_and_images_are_never_matched_by_similarity(ask: Ask, provider: Provider, word: str) -> None:
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
    called = ask(f"please look up {word}", tools=[tool])
    assert called.json()["choices"][0]["finish_reason"] == "tool_calls"
    streamed = ask(f"please look up {word}", tools=[tool], stream=True)
    assert streamed.headers["x-gateway-cache"] == "miss"
    assert any(c["delta"].get("tool_calls") for e in events(streamed)[:-1] for c in e["choices"])
    assert provider.calls("text-embedding-3-large", "embeddings") == 0


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404), ("GET", "/health", 404), ("GET", "/openapi.json", 404), ("GET", "/ui/", 404),
        ("GET", "/model/info", 404), ("POST", "/key/generate", 404), ("POST", "/cache/flushall", 404),
        ("POST", "/v1/files", 404), ("GET", "//v1/models", 404), ("GET", "/v1/models/", 404),
        ("GET", "/v1%2fmodels", 404), ("GET", "/v1/chat/completions", 405), ("GET", "/gateway/admin/teams", 401),
        ("POST", "/gateway/admin/cache/purge", 401), ("GET", "/metrics", 401),
    ],
)  # fmt: skip
def test_a_team_key_reaches_nothing_else(gateway: GatewayProcess, method: str, path: str, status: int) -> None:
    with gateway.client("admin") as client:
        assert client.request(method, gateway.url + path).status_code == status


@pytest.mark.parametrize("header", [None, "Bearer wrong-key-wrong-key-wrong", "Basic abc", "Bearer x", "Bearer"])
def test_an_unknown_key_is_refused(gateway: GatewayProcess, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    refused = httpx.post(f"{gateway.url}/v1/chat/completions", json={"messages": []}, headers=headers)
    assert refused.status_code == 401
    assert refused.json()["error"]["code"] == "invalid_api_key"


def test_the_operators_key_opens_the_administration_and_nothing_else(gateway: GatewayProcess) -> None:
    with gateway.operator() as operator:
        assert {team["name"] for team in operator.get("/gateway/admin/teams").json()["teams"]} == set(gateway.keys)
        assert operator.get("/v1/models").status_code == 401


def test_a_body_over_the_limit_is_refused(gateway: GatewayProcess) -> None:
    before = outcomes(gateway)
    with gateway.client("admin") as client:
        assert client.post("/v1/chat/completions", content=b" " * (2 * 1024 * 1024 + 1)).status_code == 413
    assert outcomes(gateway) - before == {"malformed": 1}


def test_no_header_shows_internals(ask: Ask, word: str) -> None:
    headers = ask(word).headers
    assert not [name for name in headers if name.startswith(("x-litellm", "llm_provider", "server"))]
    assert headers["x-ratelimit-limit-usd"] == "1000.000000"
    assert float(headers["x-ratelimit-remaining-usd"]) < 1000


def test_every_request_reaches_langfuse_with_what_happened_to_it(
    ask: Ask, provider: Provider, sink: Sink, word: str
) -> None:
    provider.reply(contains=word, system=JUDGE, reply="yes")
    ids = {
        "miss": ask(f"How do I reset the {word} password?"),
        "exact": ask(f"How do I reset the {word} password?"),
        "semantic": ask(f"What resets my {word} password?"),
        "refused": ask(word, model="gpt-5"),
        "long": ask(f"{word} " + "word " * 2100),
    }
    for name, answer in ids.items():
        assert answer.headers["x-gateway-request-id"], name

    def mine() -> list[dict[str, Any]]:
        return [span for span in sink.spans() if word in str(span.get("langfuse.observation.input"))]

    wait_until(lambda: len(mine()) == 4)
    prefix = "langfuse.observation.metadata."
    assert [span[prefix + "tier"] for span in mine()] == ["miss", "exact", "semantic", "miss"]
    assert [span[prefix + "cache_hit"] for span in mine()] == [False, True, True, False]
    assert [span[prefix + "escalated"] for span in mine()] == [False, False, False, True]
    assert {span[prefix + "team"] for span in mine()} == {"admin"}
    costs = [json.loads(span["langfuse.observation.cost_details"])["total"] for span in mine()]
    # A judged hit costs its embedding and its verdict, which for an answer as short as this is more than the answer.
    assert min(costs[0], costs[2]) > costs[1] == 0
    assert any(span.get("langfuse.observation.level") == "WARNING" for span in sink.spans())


def test_a_purge_by_team_and_by_entry_takes_answers_back(ask: Ask, gateway: GatewayProcess, word: str) -> None:
    ask(f"about {word}", team="prod_ceo")
    ask(f"about {word}", team="admin")
    with gateway.operator() as operator:
        purged = operator.post("/gateway/admin/cache/purge", json={"team": "prod_ceo"})
        assert purged.json()["purged"] >= 1
        assert ask(f"about {word}", team="prod_ceo").headers["x-gateway-cache"] == "miss"
        entry = ask(f"about {word}", team="admin").headers["x-gateway-cache-entry"]
        operator.post("/gateway/admin/cache/purge", json={"team": "admin", "entry": entry})
        assert ask(f"about {word}", team="admin").headers["x-gateway-cache"] == "miss"
        assert operator.post("/gateway/admin/cache/purge", json={"team": "nobody"}).status_code == 404
        assert operator.post("/gateway/admin/cache/purge", content=b"x").status_code == 400
