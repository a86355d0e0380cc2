"""The metrics of a real gateway, as a scraper reads them: without a key, by OpenMetrics' strict parser."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.gateway.valkey_server import ValkeyServer
from tests.integration.gateway.harness import GatewayProcess, Provider, Sink, configuration, wait_until

TEAM, PREFIX = "prod_ceo", f"{secrets.token_hex(4)}:"


@pytest.fixture(scope="module")
def measured(shared_valkey: ValkeyServer, shared_provider: Provider, sink: Sink) -> Iterator[GatewayProcess]:
    """A gateway of its own, so that its figures are known."""
    config = copy.deepcopy(configuration())
    config["gateway"]["redis"]["key_prefix"] = PREFIX
    config["gateway"]["teams"]["prod_background"]["rpm"] = 1
    shared_provider.reset()
    with GatewayProcess(
        redis_url=shared_valkey.url,
        provider_url=shared_provider.base_url,
        provider_key=shared_provider.key,
        langfuse_url=sink.url,
        config=config,
    ) as process:
        yield process


def scrape(gateway: GatewayProcess) -> dict[tuple[str, ...], float]:
    """Every sample, by its name and its labels' values."""
    answer = httpx.get(f"http://127.0.0.1:{gateway.metrics_port}/metrics")
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    families = list(text_string_to_metric_families(answer.text))
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def ask(gateway: GatewayProcess, text: str, team: str = TEAM, **more: Any) -> httpx.Response:
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}], **more}
    with gateway.client(team) as client:
        return client.post("/v1/chat/completions", json=body)


def test_what_was_sent_is_what_is_counted(measured: GatewayProcess, word: str) -> None:
    """Requests by all their labels, dollars, the parts of their time, the decisions of the limiter."""
    first = ask(measured, f"What is {word}?").json()
    for _ in range(3):
        assert ask(measured, f"What is {word}?").headers["x-gateway-cache"] == "exact"
    streamed = ask(measured, f"Tell me of {word}, streamed", stream=True, stream_options={"include_usage": True})
    assert streamed.text.rstrip().endswith("data: [DONE]")
    assert ask(measured, "", model="nobody-has-this").status_code == 404
    assert [ask(measured, f"{word} {n}", "prod_background").status_code for n in range(3)] == [200, 429, 429]
    seen = scrape(measured)

    def requests(*labels: str) -> float:
        return seen["gateway_requests_total", *labels]

    assert requests(TEAM, "chat", "gpt-4o-mini", "exact", "answered") == 3
    assert requests(TEAM, "chat", "gpt-4o-mini", "miss", "answered") == 2
    assert requests("prod_background", "chat", "gpt-4o-mini", "miss", "limited") == 2
    (malformed,) = [v for k, v in seen.items() if k[0] == "gateway_requests_total" and k[-1] == "malformed"]
    assert malformed == 1
    usage = first["usage"]
    cost = (usage["prompt_tokens"] * 0.15 + usage["completion_tokens"] * 0.60) / 1e6
    assert seen["gateway_saved_usd_total", TEAM, "exact"] == pytest.approx(3 * cost, abs=1e-9)
    assert seen["gateway_limiter_decisions_total", "prod_background", "requests"] == 2
    assert seen["gateway_request_seconds_count", TEAM, "chat", "exact"] == 3
    assert seen["gateway_first_token_seconds_count", TEAM, "chat"] == 1
    assert seen["gateway_provider_seconds_count", "chat", "gpt-4o-mini"] == 3
    assert seen["gateway_own_seconds_count", "chat"] == sum(
        value
        for key, value in seen.items()
        if key[0] == "gateway_requests_total" and (key[2], key[5]) == ("chat", "answered")
    )
    assert seen["gateway_request_seconds_count", "prod_background", "chat", "miss"] == 1, "a refusal is no quick answer"
    uses = {key[1]: value for key, value in seen.items() if key[0] == "gateway_redis_bytes"}
    assert uses.keys() == {"exact cache", "semantic cache", "limits", "counts", "watch", "other"}
    assert min(uses["exact cache"], uses["limits"], uses["other"]) > 0
    kept = uses["exact cache"] + uses["semantic cache"]
    assert kept == pytest.approx(sum(v for key, v in seen.items() if key[0] == "gateway_cache_bytes"), abs=10)


def test_what_the_watch_keeps_and_a_full_semantic_cache_show_in_redis_bytes(
    measured: GatewayProcess, shared_valkey: ValkeyServer
) -> None:
    """A hundred semantic entries of a kilobyte, by the log that accounts for them; a state of the watch beside them."""
    before = scrape(measured)
    with shared_valkey.client() as redis:
        for number in range(100):
            redis.xadd(f"{PREFIX}log:semantic:{{{TEAM}}}", {"k": str(number), "n": "1000"})
        redis.xadd(f"{PREFIX}log:semantic:{{{TEAM}}}", {"wrong": "an announcement is no entry"})
        redis.incrby(f"{PREFIX}used:{{{TEAM}}}", 100_000)
        redis.set(f"{PREFIX}{{watch}}:state", "x" * 50_000)
        after = scrape(measured)
        redis.delete(f"{PREFIX}{{watch}}:state", f"{PREFIX}log:semantic:{{{TEAM}}}")
        redis.decrby(f"{PREFIX}used:{{{TEAM}}}", 100_000)

    def grew(use: str) -> float:
        return after["gateway_redis_bytes", use] - before["gateway_redis_bytes", use]

    assert 90_000 < grew("semantic cache") <= 101_000
    assert abs(grew("exact cache")) < 10_000
    assert 50_000 <= grew("watch") < 70_000


def test_the_parts_of_a_request_add_up_to_the_whole(measured: GatewayProcess, provider: Provider, word: str) -> None:
    """The gateway's own time is what is left when the provider's is taken away."""
    provider.fault(contains=word, delay_s=0.4)
    before = scrape(measured)
    ask(measured, f"slow {word}")
    after = scrape(measured)

    def grew(name: str, *labels: str) -> float:
        return sum(after[key] - before.get(key, 0) for key in after if key[0] == name and not set(labels) - set(key))

    whole = grew("gateway_request_seconds_sum")
    parts = {n: grew(f"gateway_{n}_seconds_sum") for n in ("own", "provider", "lookup")}
    assert parts["provider"] >= 0.4
    assert sum(parts.values()) == pytest.approx(whole, abs=0.002)
    assert parts["own"] < 0.3


def test_nothing_but_metrics_is_on_their_port_and_they_need_the_operators_key_elsewhere(
    measured: GatewayProcess,
) -> None:
    for path in ("/gateway/admin/teams", "/v1/models", "/health/readiness", "/metrics/"):
        assert httpx.get(f"http://127.0.0.1:{measured.metrics_port}{path}").status_code == 404
    assert httpx.get(f"{measured.url}/metrics").status_code == 401
    with measured.operator() as operator:
        assert operator.get("/metrics").status_code == 200


def test_history_holds_each_hour_and_outlives_the_gateway(
    measured: GatewayProcess, provider: Provider, word: str
) -> None:
    """What a report is made from: the sums of all gateways by hour, exact."""

    def sums() -> Mapping[str, int]:
        with measured.operator() as operator:
            told = operator.post("/gateway/admin/history", json={"days": 2}).raise_for_status().json()
        total: dict[str, int] = {}
        for hour in told["teams"]["admin"].values():
            for name, value in hour.items():
                total[name] = total.get(name, 0) + value
        return total

    assert sums() == {}
    ask(measured, f"{word} first", "admin")
    ask(measured, f"{word} first", "admin")
    wait_until(lambda: sums().get("exact") == 1)
    known = sums()
    assert (known["miss"], known["exact"]) == (1, 1)
    assert known["traced_nano_usd"] == known["spent_nano_usd"] == known["usd:chat:gpt-4o-mini"]
    measured.stop()
    measured.start()
    assert sums() == known
    with measured.operator() as operator:
        for wrong in ({}, {"days": 0}, {"days": 99}, {"days": "x"}):
            assert operator.post("/gateway/admin/history", json=wrong).status_code == 400


def test_with_redis_away_what_cannot_be_seen_is_not_zero(shared_provider: Provider) -> None:
    with (
        ValkeyServer() as valkey,
        GatewayProcess(
            redis_url=valkey.url, provider_url=shared_provider.base_url, provider_key=shared_provider.key
        ) as gateway,
    ):
        assert ("gateway_redis_bytes", "exact cache") in scrape(gateway)
        valkey.stop()
        seen = scrape(gateway)
        assert ("gateway_redis_bytes", "exact cache") not in seen
        assert ("gateway_cache_bytes", "admin") not in seen
        assert seen[("gateway_redis_up",)] == 0
