"""Kill switches as clients and operators see them: two gateways as they ship, one Redis, a restart, Redis away."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import httpx
import openai
import pytest

from tests.gateway.valkey_server import ValkeyServer
from tests.integration.gateway.harness import GatewayProcess, Provider
from tests.integration.gateway.several import several

SWITCHES = "/gateway/admin/switches"
HEEDED_S = 10.0


def within(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + HEEDED_S
    while not condition():
        assert time.monotonic() < deadline, "not heeded"
        time.sleep(0.05)


def ask(gateway: GatewayProcess, text: str, team: str = "prod_ceo") -> httpx.Response:
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]}
    with gateway.client(team) as client:
        return client.post("/v1/chat/completions", json=body)


def throw(gateway: GatewayProcess, **asked: str) -> httpx.Response:
    with gateway.operator() as operator:
        return operator.post(SWITCHES, json=asked)


@pytest.mark.timeout(180)
def test_a_switch_thrown_at_one_gateway_holds_at_all_over_a_restart_and_while_redis_is_away(
    provider: Provider, word: str
) -> None:
    with ValkeyServer(appendonly=True) as valkey, several(2, valkey, provider, {"prod_ceo": {}}) as (one, other):
        # A cache tier.
        assert [ask(one, f"hello {word}").headers["x-gateway-cache"] for _ in range(2)] == ["miss", "exact"]
        assert throw(one, cache="exact", to="off").json()["changed"] is True
        assert throw(one, cache="exact", to="off").json()["changed"] is False
        assert ask(one, f"hello {word}").headers["x-gateway-cache"] == "bypass"
        within(lambda: ask(other, f"hello {word}").headers["x-gateway-cache"] == "bypass")
        ask(one, f"while off {word}")
        assert throw(other, cache="all", to="on").json()["thrown"] == {}
        within(lambda: ask(one, f"hello {word}").headers["x-gateway-cache"] == "exact")
        assert ask(one, f"while off {word}").headers["x-gateway-cache"] == "miss", "nothing was kept meanwhile"

        # A team.
        assert throw(one, team="prod_ceo", to="frozen", why="leaked").status_code == 200
        refused = ask(one, "hello")
        assert refused.status_code == 403
        assert refused.headers["x-should-retry"] == "false"
        error = refused.json()["error"]
        assert (error["code"], error["type"]) == ("team_frozen", "invalid_request_error")
        assert "prod_ceo" in error["message"]
        assert "leaked" not in error["message"], "why is the operators' to know"
        assert ask(one, "hello", "prod_customer").status_code == 200
        with one.operator() as operator:
            counted = operator.get("/metrics").text
        counts = [line for line in counted.splitlines() if 'outcome="frozen"' in line]
        assert counts == [
            'gateway_requests_total{team="prod_ceo",route="chat",model="none",tier="bypass",outcome="frozen"} 1'
        ]
        within(lambda: ask(other, "hello").status_code == 403)
        before = sum(provider.calls(model) for model in ("gpt-4o-mini", "gpt-4o"))
        with pytest.raises(openai.PermissionDeniedError, match="frozen"):
            openai.OpenAI(base_url=f"{other.url}/v1", api_key=other.keys["prod_ceo"]).models.list()
        with other.operator() as operator:
            shown = {each["name"]: each for each in operator.get("/gateway/admin/teams").json()["teams"]}
            assert "prod_ceo" in str(operator.get("/gateway/admin/status").json()["switches"])
        assert shown["prod_ceo"]["frozen"] is True
        assert shown["prod_customer"]["frozen"] is False

        # A restart; then Redis away.
        other.stop(signal.SIGKILL)
        other.start()
        assert ask(other, "hello").status_code == 403
        valkey.stop()
        assert ask(other, "hello").status_code == 403
        assert throw(other, team="prod_ceo", to="thawed").status_code == 503
        assert ask(other, "hello").status_code == 403
        valkey.start()
        within(lambda: throw(one, team="prod_ceo", to="thawed").status_code == 200)
        within(lambda: ask(other, f"thawed {word}").status_code == 200)
        assert sum(provider.calls(model) for model in ("gpt-4o-mini", "gpt-4o")) == before + 1


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"cache": "all"}, 400),
        ({"cache": "vector", "to": "off"}, 400),
        ({"cache": "exact", "to": "frozen"}, 400),
        ({"cache": "exact", "team": "prod_ceo", "to": "off"}, 400),
        ({"team": "nobody", "to": "frozen"}, 404),
        ({}, 400),
    ],
)
def test_a_switch_is_not_guessed(gateway: GatewayProcess, asked: dict[str, str], status: int) -> None:
    assert throw(gateway, **asked).status_code == status


def test_only_the_operator_may_throw_one(gateway: GatewayProcess) -> None:
    with gateway.client("prod_ceo") as client:
        assert client.post(SWITCHES, json={"team": "admin", "to": "frozen"}).status_code == 401
