"""Limits as clients meet them: the 429, its headers, and what counts."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.gateway.valkey_server import ValkeyServer
from tests.integration.gateway.harness import GatewayProcess, Provider, configuration


@pytest.fixture(scope="module")
def limited(shared_valkey: ValkeyServer, shared_provider: Provider) -> Iterator[GatewayProcess]:
    """A gateway whose teams have one small limit each; its own key prefix on the shared Redis."""
    config = copy.deepcopy(configuration())
    config["gateway"]["redis"]["key_prefix"] = "limited:"
    teams = config["gateway"]["teams"]
    teams["probe"]["rpm"] = 100
    teams["prod_ceo"]["tpm"] = 2000
    teams["prod_background"]["daily_usd"] = 0.03
    teams["prod_customer"] |= {"rpm": 3, "semantic": "off"}
    with GatewayProcess(
        redis_url=shared_valkey.url,
        provider_url=shared_provider.base_url,
        provider_key=shared_provider.key,
        config=config,
    ) as process:
        yield process


def send(client: httpx.Client, question: str, **fields: Any) -> httpx.Response:
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": question}], **fields}
    return client.post("/v1/chat/completions", json=body)


def test_the_101st_request_in_a_minute_is_refused(limited: GatewayProcess, provider: Provider, word: str) -> None:
    with limited.client("probe") as client:
        statuses = [send(client, f"about {word}").status_code for _ in range(101)]
        refused = send(client, f"about {word}")
    assert statuses == [200] * 100 + [429]
    assert provider.calls("gpt-4o-mini") == 1
    assert refused.headers["x-gateway-limit"] == "requests"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert "x-should-retry" not in refused.headers  # G25's neighbour: so short a wait an SDK may wait by itself.
    assert refused.headers["x-ratelimit-limit-requests"] == "100"
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert refused.json()["error"]["type"] == "rate_limit_exceeded"


def test_a_refused_request_does_not_reach_the_provider(limited: GatewayProcess, provider: Provider, word: str) -> None:
    with limited.client("prod_customer") as client:
        statuses = [send(client, f"{word} {number}").status_code for number in range(6)]
    assert statuses == [200] * 3 + [429] * 3
    assert provider.calls("gpt-4o-mini") == 3


def test_tokens_are_reserved_before_and_corrected_after(limited: GatewayProcess, word: str) -> None:
    with limited.client("prod_ceo") as client:
        first = send(client, f"{word} one", max_tokens=100)
        assert first.status_code == 200
        refused = send(client, f"{word} two", max_tokens=1930)
        assert (refused.status_code, refused.headers["x-gateway-limit"]) == (429, "tokens")
        assert send(client, f"{word} three", max_tokens=100).status_code == 200


def test_dollars_run_out_at_the_price_of_the_dearest_model(limited: GatewayProcess, word: str) -> None:
    with limited.client("prod_background") as client:
        # 2,700 tokens of answer cost 0.027 at gpt-4o, which may have to answer, and 0.0016 at mini, billed or not.
        # The headers of a stream are sent before it is settled, those of a whole answer after.
        streamed = send(client, f"{word} one", max_tokens=2700, stream=True)
        assert float(streamed.headers["x-ratelimit-remaining-usd"]) < 0.002
        settled = send(client, f"{word} one, please", max_tokens=2700)
        assert float(settled.headers["x-ratelimit-remaining-usd"]) > 0.029
        spent = send(client, f"{word} " + "word " * 4000, max_tokens=10)  # Read by gpt-4o, for 0.0125.
        assert 0.016 < float(spent.headers["x-ratelimit-remaining-usd"]) < 0.018
        refused = send(client, f"{word} two", max_tokens=1870)
        assert (refused.status_code, refused.headers["x-gateway-limit"]) == (429, "usd")
        assert int(refused.headers["retry-after"]) <= 86400
        assert send(client, f"{word} three", max_tokens=1500).status_code == 200


def test_the_operator_sees_limits_and_use(limited: GatewayProcess) -> None:
    with limited.operator() as operator:
        teams = {team["name"]: team for team in operator.get("/gateway/admin/teams").json()["teams"]}
    assert teams["probe"]["limits"]["rpm"] == 100
    assert 0 <= teams["probe"]["used"]["requests"] <= 100
