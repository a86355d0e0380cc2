"""What `inv cutover.verify` reads of a gateway: requests that got no answer, the last one, and what is nobody's."""

from __future__ import annotations

import time
from typing import Any

import httpx

from tests.gateway.scripted_upstream import ScriptedUpstream
from tests.gateway.valkey_server import ValkeyServer
from tests.integration.gateway.harness import GatewayProcess, configuration, wait_until
from tests.integration.gateway.saying import error

BUSY = {"message": "The server is overloaded", "type": "server_error", "param": None, "code": None}


def test_requests_without_an_answer_are_counted_by_why(shared_valkey: ValkeyServer, scripted: ScriptedUpstream) -> None:
    config = configuration()
    del config["gateway"]["cache"]["semantic"]
    config["gateway"]["redis"]["key_prefix"] = "figures:"
    config["gateway"]["teams"]["prod_ceo"]["rpm"] = 2
    scripted.script = lambda asked: error(503, BUSY)
    with GatewayProcess(
        redis_url=shared_valkey.url, provider_url=scripted.base_url, provider_key="sk-arranged", config=config
    ) as gateway:

        def told(path: str) -> Any:
            with gateway.operator() as operator:
                return operator.get(f"/gateway/admin/{path}").raise_for_status().json()

        def of(team: str) -> dict[str, Any]:
            (row,) = [row for row in told("teams")["teams"] if row["name"] == team]
            return dict(row)

        assert of("prod_ceo")["last_request_s"] is None
        question = {"messages": [{"role": "user", "content": "hi"}]}
        began = int(time.time())
        with gateway.client("prod_ceo") as ceo:
            statuses = [ceo.post("/v1/chat/completions", json=question).status_code for _ in range(5)]
            statuses.append(ceo.post("/v1/chat/completions", json={"messages": []}).status_code)
        httpx.get(f"{gateway.url}/v1/models", headers={"authorization": "Bearer nobody"})
        assert statuses == [503, 503, 429, 429, 429, 400]
        wait_until(lambda: of("prod_ceo")["last_request_s"] is not None, timeout_s=30)
        wait_until(lambda: sum(of("prod_ceo")["unanswered"].values()) == 6, timeout_s=30)
        assert of("prod_ceo")["unanswered"] == {"limited": 3, "malformed": 1, "failed": 2, "frozen": 0, "shed": 0}
        assert began <= of("prod_ceo")["last_request_s"] <= time.time()
        assert of("admin")["unanswered"] == {"limited": 0, "malformed": 0, "failed": 0, "frozen": 0, "shed": 0}
        assert of("admin")["last_request_s"] is None
        status = told("status")
        assert (status["wrong_keys"], status["own_failures"]) == (1, {})
