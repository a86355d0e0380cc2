"""The gateway as it ships, on a Redis Cluster: its URL names one of the servers, and nothing else is set."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.gateway.valkey_cluster import ValkeyCluster
from tests.integration.gateway.harness import TEAM_KEYS, GatewayProcess, Provider
from tests.integration.gateway.several import several

QUOTA = 5
LIMITED = "prod_ceo"


@pytest.fixture(scope="module")
def clustered(shared_provider: Provider) -> Iterator[GatewayProcess]:
    limits = {LIMITED: {"rpm": QUOTA}}
    with ValkeyCluster() as cluster, several(1, cluster, shared_provider, limits) as (process,):
        yield process


def ask(gateway: GatewayProcess, team: str, question: str) -> httpx.Response:
    with gateway.client(team) as client:
        body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": question}]}
        return client.post("/v1/chat/completions", json=body)


def test_every_team_is_served_limited_and_frozen(clustered: GatewayProcess, provider: Provider) -> None:
    """The teams' keys are on all three servers; the start-up self-test has passed on them."""
    provider.reply(contains="", system="You guard a cache", reply="yes")
    for team in TEAM_KEYS:
        assert ask(clustered, team, f"How long is the warranty of {team}?").headers["x-gateway-cache"] == "miss"
        assert ask(clustered, team, f"How long is the warranty of {team}?").headers["x-gateway-cache"] == "exact"
    other = ask(clustered, "admin", "How long does the warranty of admin last?")
    assert other.headers["x-gateway-cache"] == "semantic"
    left = [ask(clustered, LIMITED, f"Question {number}").status_code for number in range(QUOTA)]
    assert left == [200] * (QUOTA - 2) + [429] * 2
    with clustered.operator() as operator:
        operator.post("/gateway/admin/switches", json={"team": "probe", "to": "frozen"}).raise_for_status()
        assert ask(clustered, "probe", "Are you there?").status_code == 403
        purged = operator.post("/gateway/admin/cache/purge", json={"team": "admin"}).raise_for_status().json()
        assert purged["purged"] >= 3
        assert operator.get("/gateway/admin/status").json()["redis"] == {"available": True}
    told = httpx.get(f"http://127.0.0.1:{clustered.metrics_port}/metrics").raise_for_status().text
    assert re.search(r'^gateway_redis_bytes\{use="limits"\} [1-9]', told, re.MULTILINE)
    assert "Traceback" not in clustered.log()
    assert "away" not in clustered.log()
