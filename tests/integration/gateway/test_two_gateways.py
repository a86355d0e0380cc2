"""Two gateway processes on one Redis under load: the limits hold to the request, and to the dollar through a kill."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import itertools
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.gateway.valkey_server import ValkeyServer
from tests.gateway.windows import fullest
from tests.integration.gateway.harness import GatewayProcess, Provider, configuration

NANO = 1_000_000_000
CLIENTS = 50
RPM = 100
WINDOW_S = 60.0
DAILY_USD = 0.03


@contextlib.contextmanager
def two_gateways(valkey: ValkeyServer, provider: Provider, **limits: Any) -> Iterator[list[GatewayProcess]]:
    """Two processes that share a Redis, the keys, and the limits of `probe`."""
    config = copy.deepcopy(configuration())
    config["gateway"]["gateways"] = 2
    config["gateway"]["teams"]["probe"] |= {"semantic": False, **limits}
    made: list[GatewayProcess] = []
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            process = GatewayProcess(
                redis_url=valkey.url, provider_url=provider.base_url, provider_key=provider.key,
                config=config, keys=made[0].keys if made else None,
            )  # fmt: skip
            made.append(process)
            stack.enter_context(process)
        yield made


async def ask_on(
    gateways: list[GatewayProcess],
    question: Callable[[int], str],
    until: Callable[[httpx.Response], bool],
    **fields: Any,
) -> list[httpx.Response]:
    """Clients that ask again and again, on either gateway in turn, until one is told to stop."""
    answers: list[httpx.Response] = []
    numbers = itertools.count()
    headers = {"Authorization": f"Bearer {gateways[0].keys['probe']}"}
    limits = httpx.Limits(max_connections=CLIENTS)
    stopped = asyncio.Event()

    async def client(http: httpx.AsyncClient) -> None:
        while not stopped.is_set():
            number = next(numbers)
            body = {"messages": [{"role": "user", "content": question(number)}], **fields}
            try:
                answer = await http.post(f"{gateways[number % 2].url}/v1/chat/completions", json=body)
            except httpx.TransportError:
                continue  # That gateway was killed.
            answers.append(answer)
            if until(answer):
                stopped.set()
            if answer.status_code == 429:
                await asyncio.sleep(0.4)

    async with httpx.AsyncClient(headers=headers, limits=limits, timeout=30) as http:
        await asyncio.gather(*(client(http) for _ in range(CLIENTS)))
    return answers


@pytest.mark.timeout(180)
def test_fifty_clients_on_two_gateways_get_exactly_the_limit_in_every_window(provider: Provider, word: str) -> None:
    admitted: dict[bytes, int] = {}
    with ValkeyServer() as valkey, two_gateways(valkey, provider, rpm=RPM) as gateways, valkey.client() as redis:

        def look() -> None:
            rows = redis.zrange("gw:limits:{probe}:req", 0, -1, withscores=True)
            admitted.update((name, int(at)) for name, at in rows)

        async def run() -> list[httpx.Response]:
            end = time.monotonic() + WINDOW_S + 3

            async def watch() -> None:
                while True:
                    await asyncio.to_thread(look)
                    await asyncio.sleep(1.0)

            watching = asyncio.create_task(watch())
            answers = await ask_on(gateways, lambda _: f"about {word}", lambda _: time.monotonic() > end)
            watching.cancel()
            return answers

        answers = asyncio.run(run())
        look()
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {200, 429}
    assert statuses.count(200) == len(admitted) == 2 * RPM
    assert fullest(admitted.values(), round(WINDOW_S * 1e6)) == RPM
    assert {answer.headers["x-gateway-limit"] for answer in answers if answer.status_code == 429} == {"requests"}


@pytest.mark.timeout(120)
def test_a_gateway_killed_under_load_does_not_let_the_budget_be_passed(provider: Provider, word: str) -> None:
    provider.fault(contains=word, delay_s=0.2)
    booked: list[int] = []
    with ValkeyServer() as valkey, two_gateways(valkey, provider, daily_usd=DAILY_USD) as gateways:
        victim = gateways[1].process
        assert victim is not None
        with valkey.client() as redis:

            def look() -> tuple[int, int]:
                """What is booked today and how much of it is reserved."""
                fields = redis.hgetall("gw:limits:{probe}:sum")
                open_ = redis.zrange("gw:limits:{probe}:open", 0, -1)
                booked.append(sum(int(value) for name, value in fields.items() if name.isdigit()))
                return booked[-1], sum(int(member.rpartition(b":")[2]) for member in open_)

            async def run() -> list[httpx.Response]:
                async def kill_in_the_middle() -> None:
                    while True:
                        now, _ = await asyncio.to_thread(look)
                        if victim.poll() is None and provider.calls("gpt-4o") >= 10:
                            victim.send_signal(signal.SIGKILL)
                        assert now <= DAILY_USD * NANO
                        await asyncio.sleep(0.02)

                killing = asyncio.create_task(kill_in_the_middle())
                refused = itertools.count(1)
                answers = await ask_on(
                    gateways,
                    lambda number: f"about {word} {number}",
                    lambda answer: (
                        victim.poll() is not None and answer.status_code == 429 and next(refused) > 3 * CLIENTS
                    ),
                    model="gpt-4o", max_tokens=100,
                )  # fmt: skip
                killing.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await killing
                return answers

            answers = asyncio.run(run())
            total, reserved = look()
    assert victim.returncode == -signal.SIGKILL
    assert {answer.status_code for answer in answers} == {200, 429}
    spent = provider.spent_nano_usd(configuration()["gateway"]["prices"])
    # What the killed one had under way stays booked at its estimate: the provider may have been paid.
    assert reserved > 0
    assert spent <= total <= DAILY_USD * NANO
    assert max(booked) > 0.9 * DAILY_USD * NANO
