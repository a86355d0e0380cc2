"""After a mix of everything that can happen, the counter says what the provider charged."""

from __future__ import annotations

import asyncio
import copy
import random
from typing import Any

import httpx
import pytest

from tests.gateway.valkey_server import ValkeyServer
from tests.integration.gateway.harness import GatewayProcess, Provider, configuration, wait_until

REQUESTS = 400
KINDS = (
    "plain",
    "repeated",
    "stream",
    "left stream",
    "left",
    "malformed",
    "refused",
    "fallback",
    "hang",
    "no store",
    "long",
)


@pytest.mark.timeout(300)
def test_the_counter_is_within_a_thousandth_of_the_true_spend(
    shared_valkey: ValkeyServer, provider: Provider, word: str
) -> None:
    config = copy.deepcopy(configuration())
    config["gateway"]["redis"]["key_prefix"] = f"{word}:"
    for model in config["model_list"]:
        model["litellm_params"]["timeout"] = 1
    # Far longer than any answer takes on a busy machine, so that only what hangs times out.
    provider.fault(contains="kind=hang", hang=True)
    provider.fault(contains="kind=fallback", model="gpt-4o-mini", status=500)
    provider.fault(contains="kind=refused", status=422)
    provider.fault(contains="kind=left", chunk_delay_s=0.01)
    with GatewayProcess(
        redis_url=shared_valkey.url, provider_url=provider.base_url, provider_key=provider.key, config=config
    ) as gateway:
        asyncio.run(_send_all(gateway, word))
        with gateway.operator() as operator:

            def admin() -> dict[str, Any]:
                teams = operator.get("/gateway/admin/teams").json()["teams"]
                return next(team["used"] for team in teams if team["name"] == "admin")

            # What was left behind by its client is still carried to its end.
            wait_until(lambda: admin()["usd_reserved"] == 0, 20)
            booked = round(admin()["usd_today"] * 1e9)
        true = provider.spent_nano_usd(config["gateway"]["prices"])
    assert true > 0
    assert abs(booked - true) <= true * 0.001


async def _send_all(gateway: GatewayProcess, word: str) -> None:
    dice = random.Random(11)
    kinds = [KINDS[number % len(KINDS)] for number in range(REQUESTS)]
    dice.shuffle(kinds)
    headers = {"Authorization": f"Bearer {gateway.keys['admin']}"}
    gate = asyncio.Semaphore(8)
    async with httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=30) as client:

        async def one(number: int, kind: str) -> None:
            async with gate:
                await _send(client, kind, number, word)

        await asyncio.gather(*(one(number, kind) for number, kind in enumerate(kinds)))


async def _send(client: httpx.AsyncClient, kind: str, number: int, word: str) -> None:
    text = f"{word} {number % 7 if kind == 'repeated' else number} kind={kind}" + (
        " word" * 2100 if kind == "long" else ""
    )
    body: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]}
    if kind in ("stream", "left stream") or (kind == "fallback" and number % 2):
        body["stream"] = True
    if kind == "malformed":
        body["messages"] = [{"role": "nobody", "content": text}]
    if kind == "no store":
        body["cache"] = {"no-store": True, "no-cache": True}
    if kind == "left":
        try:
            await client.post("/v1/chat/completions", json=body, timeout=0.02)
        except httpx.TimeoutException:
            return
    elif kind == "left stream":
        async with client.stream("POST", "/v1/chat/completions", json=body) as answer:
            async for _ in answer.aiter_bytes():
                return
    else:
        await client.post("/v1/chat/completions", json=body)
