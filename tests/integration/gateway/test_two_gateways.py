"""Two gateway processes on one Redis under load: the limits hold to the request, and to the dollar through a kill.

With one and four gateways, and for longer than one window: `./inv dev.bench limits`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
import time

import httpx
import pytest

from tests.gateway.valkey_server import ValkeyServer
from tests.gateway.windows import fullest
from tests.integration.gateway.harness import Provider, configuration
from tests.integration.gateway.several import Admissions, ask_on, booked, several, watch

NANO = 1_000_000_000
CLIENTS = 50
RPM = 100
WINDOW_S = 60.0
DAILY_USD = 0.03


@pytest.mark.timeout(180)
def test_fifty_clients_on_two_gateways_get_exactly_the_limit_in_every_window(provider: Provider, word: str) -> None:
    admitted = Admissions("probe")
    with (
        ValkeyServer() as valkey,
        several(2, valkey, provider, {"probe": {"rpm": RPM}}) as gateways,
        valkey.client() as redis,
    ):

        async def run() -> list[httpx.Response]:
            end = time.monotonic() + WINDOW_S + 3
            watching = asyncio.create_task(watch(redis, admitted))
            answers = await ask_on(
                gateways, "probe", lambda _: f"about {word}", lambda _: time.monotonic() > end, clients=CLIENTS
            )
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            return answers

        answers = asyncio.run(run())
        admitted.look(redis)
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {200, 429}
    assert statuses.count(200) == len(admitted.requests) == 2 * RPM
    assert fullest(admitted.requests.values(), round(WINDOW_S * 1e6)) == RPM
    assert {answer.headers["x-gateway-limit"] for answer in answers if answer.status_code == 429} == {"requests"}


@pytest.mark.timeout(120)
def test_a_gateway_killed_under_load_does_not_let_the_budget_be_passed(provider: Provider, word: str) -> None:
    provider.fault(contains=word, delay_s=0.2)
    seen: list[int] = []
    limits = {"probe": {"daily_usd": DAILY_USD}}
    with (
        ValkeyServer() as valkey,
        several(2, valkey, provider, limits) as gateways,
        valkey.client() as redis,
    ):
        victim = gateways[1].process
        assert victim is not None

        async def kill_in_the_middle() -> None:
            while True:
                seen.append((await asyncio.to_thread(booked, redis, "probe"))[0])
                if victim.poll() is None and await asyncio.to_thread(provider.calls, "gpt-4o") >= 10:
                    victim.send_signal(signal.SIGKILL)
                await asyncio.sleep(0.02)

        async def run() -> list[httpx.Response]:
            killing = asyncio.create_task(kill_in_the_middle())
            refused = itertools.count(1)
            answers = await ask_on(
                gateways,
                "probe",
                lambda number: f"about {word} {number}",
                lambda answer: victim.poll() is not None and answer.status_code == 429 and next(refused) > 3 * CLIENTS,
                clients=CLIENTS,
                model="gpt-4o",
                max_tokens=100,
            )
            killing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await killing
            return answers

        answers = asyncio.run(run())
        total, reserved = booked(redis, "probe")
    assert victim.returncode == -signal.SIGKILL
    assert {answer.status_code for answer in answers} == {200, 429}
    spent = provider.spent_nano_usd(configuration()["gateway"]["prices"])
    # What the killed one had under way stays booked at its estimate: the provider may have been paid.
    assert reserved > 0
    assert spent <= total <= DAILY_USD * NANO
    assert 0.9 * DAILY_USD * NANO < max(seen) <= DAILY_USD * NANO
