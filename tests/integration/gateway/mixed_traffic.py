"""Traffic with everything in it that can happen to a request, and what the books say afterwards."""

from __future__ import annotations

import asyncio
import copy
import random
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from tests.gateway.conftest import GATEWAY
from tests.gateway.valkey_server import ValkeyServer
from tests.integration.gateway.harness import GatewayProcess, Provider, configuration, wait_until

assert GATEWAY  # Its import makes the gateway's package importable.

from llm_gateway.api import chat_request  # noqa: E402
from llm_gateway.api.request import Offer  # noqa: E402
from llm_gateway.config import parse  # noqa: E402
from llm_gateway.limits.pricing import at_most  # noqa: E402

DEFAULT_MAX_TOKENS = configuration()["gateway"]["default_max_tokens"]
KINDS = (
    "plain", "repeated", "stream", "left stream", "left", "malformed", "refused", "fallback", "hang", "fresh", "long",
)  # fmt: skip
CONCURRENT = 24


@dataclass(frozen=True)
class Books:
    """What the gateway's counter says a team spent, and what the provider charged, in nano-USD.

    `unsettled` is the most that attempts may be billed of which the provider never said what became of them.
    """

    booked: int
    charged: int
    unsettled: int
    requests: int

    @property
    def error(self) -> float:
        right = self.charged + self.unsettled
        return abs(self.booked - right) / right


def run(valkey: ValkeyServer, provider: Provider, requests: int) -> Books:
    """Send the traffic through a gateway of its own."""
    word = f"w{secrets.token_hex(6)}"
    config = copy.deepcopy(configuration())
    config["gateway"]["redis"]["key_prefix"] = f"{word}:"
    for model in config["model_list"]:
        # Far longer than an answer takes on a busy machine, so that only what hangs times out.
        model["litellm_params"]["timeout"] = 6
    provider.reset()
    provider.fault(contains="kind=hang", hang=True)
    provider.fault(contains="kind=fallback", model="gpt-4o-mini", status=500)
    provider.fault(contains="kind=refused", status=422)
    provider.fault(contains="kind=left", chunk_delay_s=0.01)
    with (
        GatewayProcess(
            redis_url=valkey.url, provider_url=provider.base_url, provider_key=provider.key, config=config
        ) as gateway,
        gateway.operator() as operator,
    ):
        asyncio.run(_send_all(gateway, word, requests))

        def used() -> Mapping[str, Any]:
            teams = operator.get("/gateway/admin/teams").json()["teams"]
            found: Mapping[str, Any] = next(team["used"] for team in teams if team["name"] == "admin")
            return found

        # What was left behind by its client is still carried to its end.
        wait_until(lambda: used()["usd_reserved"] == 0, 30)
        booked = round(used()["usd_today"] * 1e9)
    unsettled = sum(_most(_body(kind, number, word)) for number, kind in _kinds(requests) if kind == "hang")
    return Books(booked, provider.spent_nano_usd(config["gateway"]["prices"]), unsettled, requests)


def _most(body: Mapping[str, Any]) -> int:
    """What both models may bill for a request that hangs at the one and then at the other."""
    read = chat_request.read(body, Offer(("gpt-4o-mini",), "gpt-4o-mini", DEFAULT_MAX_TOKENS))
    prices = parse(configuration()).prices
    return sum(
        at_most(prices[model], model=model, size=read.size, output_tokens=read.output_tokens).nano_usd
        for model in ("gpt-4o-mini", "gpt-4o")
    )


def _kinds(requests: int) -> list[tuple[int, str]]:
    kinds = [KINDS[number % len(KINDS)] for number in range(requests)]
    random.Random(11).shuffle(kinds)
    return list(enumerate(kinds))


async def _send_all(gateway: GatewayProcess, word: str, requests: int) -> None:
    headers = {"Authorization": f"Bearer {gateway.keys['admin']}"}
    gate = asyncio.Semaphore(CONCURRENT)
    async with httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=30) as client:

        async def one(number: int, kind: str) -> None:
            async with gate:
                await _send(client, kind, number, word)

        await asyncio.gather(*(one(number, kind) for number, kind in _kinds(requests)))


def _body(kind: str, number: int, word: str) -> dict[str, Any]:
    which = number % 7 if kind == "repeated" else number
    text = f"{word} {which} kind={kind}" + (" word" * 2100 if kind == "long" else "")
    body: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]}
    if kind in ("stream", "left stream") or (kind == "fallback" and number % 2):
        body["stream"] = True
    if kind == "malformed":
        body["messages"] = [{"role": "nobody", "content": text}]
    if kind == "fresh":
        body["cache"] = {"no-cache": True}
    return body


async def _send(client: httpx.AsyncClient, kind: str, number: int, word: str) -> None:
    body = _body(kind, number, word)
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
