"""Redis stopped, frozen or full: what clients notice of it. (Langfuse: `test_langfuse_away`.)"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.gateway.valkey_server import ValkeyServer
from tests.integration.gateway.harness import (
    GatewayProcess,
    Provider,
    configuration,
    wait_until,
)

RPM = 40


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    with ValkeyServer() as server:
        yield server


@pytest.fixture
def gateway(valkey: ValkeyServer, provider: Provider) -> Iterator[GatewayProcess]:
    config = copy.deepcopy(configuration())
    config["gateway"]["teams"]["probe"]["rpm"] = RPM
    with GatewayProcess(
        redis_url=valkey.url, provider_url=provider.base_url, provider_key=provider.key, config=config
    ) as process:
        yield process


def send(client: httpx.Client, question: str, **fields: Any) -> httpx.Response:
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": question}], **fields}
    return client.post("/v1/chat/completions", json=body)


def ready(gateway: GatewayProcess) -> httpx.Response:
    return httpx.get(f"{gateway.url}/health/readiness")


@pytest.mark.parametrize("how", ["stopped", "frozen"])
def test_without_redis_requests_are_answered_and_limits_hold(
    gateway: GatewayProcess, valkey: ValkeyServer, word: str, how: str
) -> None:
    with gateway.client("probe") as client:
        for number in range(10):
            assert send(client, f"{word} {number}").status_code == 200
        if how == "stopped":
            valkey.stop()
        else:
            valkey.freeze()
        first = send(client, f"{word} first")
        later = [send(client, f"{word} later {number}") for number in range(RPM)]
    # One deadline for whatever part of the first request meets the silence (how long: `tests/gateway/test_store.py`);
    # on a busy machine it takes what it takes, and does not hang.
    assert first.status_code == 200
    assert first.elapsed.total_seconds() < 10
    statuses = [answer.status_code for answer in later]
    assert set(statuses) <= {200, 429}
    assert statuses.count(200) + 11 == RPM
    assert {a.headers["x-gateway-cache"] for a in later if a.status_code == 200} == {"miss"}

    wait_until(lambda: ready(gateway).status_code == 503, 15)
    # G33: the outside learns that it is not ready; why not is the operator's alone to know.
    assert ready(gateway).json() == {"status": "not ready"}
    with gateway.operator() as operator:
        assert "Redis" in operator.get("/health/readiness").json()["reasons"][0]
    if how == "stopped":
        valkey.start()
    else:
        valkey.resume()
    wait_until(lambda: ready(gateway).status_code == 200, 15)
    with gateway.client("admin") as client:
        wait_until(lambda: send(client, f"{word} back").headers["x-gateway-cache"] == "exact", 15)
    assert "for a reason of our own" not in gateway.log()


def test_a_full_redis_keeps_nothing_but_every_request_is_answered(
    gateway: GatewayProcess, valkey: ValkeyServer, word: str
) -> None:
    with gateway.client("probe") as client:
        assert send(client, f"{word} before").status_code == 200
        valkey.fill()
        statuses = [send(client, f"{word} {number}").status_code for number in range(RPM + 5)]
        assert set(statuses) <= {200, 429}
        assert statuses.count(200) <= RPM
        valkey.unfill()
    with gateway.client("admin") as client:
        wait_until(lambda: send(client, f"{word} after").headers["x-gateway-cache"] == "exact", 15)
