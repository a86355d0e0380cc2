"""The limits while Redis is away: each gateway's share, never more than the limit, reported afterwards."""

from __future__ import annotations

import asyncio
import time
from functools import partial

import pytest
from llm_gateway.limits.counters import TeamState

from tests.gateway.limits.limiting import (
    DEADLINE_S,
    FAULTS,
    Team,
    admitted,
    begin,
    end_of,
    gateway,
    granted,
    refused,
    until,
)
from tests.gateway.valkey_server import ValkeyServer
from tests.gateway.windows import fullest


@pytest.mark.parametrize("fault", FAULTS)
def test_a_gateway_alone_keeps_the_limit_through_an_outage_and_reports_it(own_valkey: ValkeyServer, fault: str) -> None:
    async def run() -> None:
        team = Team(rpm=10, daily_nano_usd=1_000)
        async with gateway(own_valkey.url, "f:", team, window_s=2.0) as limiter:
            before = await admitted(limiter, team, 4, tokens=10, nano_usd=10)
            begin(own_valkey, fault)
            started = time.perf_counter()
            first = await granted(limiter, team, tokens=10, nano_usd=10)
            # One deadline at most, however busy the machine is otherwise.
            assert time.perf_counter() - started < 2 * DEADLINE_S
            assert first.shared is (fault == "fill")  # a full Redis still decides, see limits.lua
            started = time.perf_counter()
            during = await admitted(limiter, team, 20, tokens=10, nano_usd=10)
            assert time.perf_counter() - started < DEADLINE_S  # None of them waited for Redis.
            assert len(before) + 1 + len(during) == 10
            for reservation in [*before, first, *during]:
                await limiter.settle(reservation, tokens=1, nano_usd=1)
            refusal = await refused(limiter, team)
            assert refusal.limit == "requests"
            assert 0 < refusal.retry_after_s <= 2.0

            end_of(own_valkey, fault)

            async def reported() -> bool:
                usage = await limiter.usage(team)
                return usage.shared and (usage.requests, usage.tokens, usage.spent_nano_usd) == (10, 10, 10)

            await until(reported)
            times = [reservation.at for reservation in [*before, first, *during]]
            end = time.monotonic() + 2.5
            while time.monotonic() < end:
                times += [reservation.at for reservation in await admitted(limiter, team, 1)]
                await asyncio.sleep(0.01)
            assert fullest(times, 2_000_000) == 10

    asyncio.run(run())


@pytest.mark.parametrize(
    ("fault", "before"),
    [*(("stop", before) for before in [(0, 0), (6, 2), (0, 9), (10, 0)]), *((fault, (6, 2)) for fault in FAULTS[1:])],
)
def test_two_gateways_never_pass_the_limit_over_an_outage(
    own_valkey: ValkeyServer, fault: str, before: tuple[int, int]
) -> None:
    async def run() -> None:
        team = Team(rpm=10, daily_nano_usd=1_000)
        async with (
            gateway(own_valkey.url, "f:", team, gateways=2, window_s=1.0) as a,
            gateway(own_valkey.url, "f:", team, gateways=2, window_s=1.0) as b,
        ):
            reservations = await admitted(a, team, before[0], nano_usd=10) + await admitted(
                b, team, before[1], nano_usd=10
            )
            await b.reserve(team, tokens=0, nano_usd=2_000)  # refused, but b hears the totals
            await a.reserve(team, tokens=0, nano_usd=2_000)
            begin(own_valkey, fault)
            first_alone = len(reservations)
            end = time.monotonic() + 2.8
            back: float | None = time.monotonic() + 1.6
            while time.monotonic() < end:
                for limiter in (a, b):
                    reservations += await admitted(limiter, team, 1, nano_usd=10)
                if back and time.monotonic() > back:
                    end_of(own_valkey, fault)
                    back = None
                await asyncio.sleep(0.01)
            assert fullest([reservation.at for reservation in reservations], 1_000_000) <= 10
            assert len(reservations) > first_alone + 5

    asyncio.run(run())


@pytest.mark.parametrize("fault", ["stop", "freeze"])
def test_a_gateway_that_was_idle_knows_what_the_other_admitted_the_moment_before(
    own_valkey: ValkeyServer, fault: str
) -> None:
    async def run() -> None:
        team = Team(rpm=10, daily_nano_usd=100)
        async with (
            gateway(own_valkey.url, "f:", team, gateways=2, window_s=60) as busy,
            gateway(own_valkey.url, "f:", team, gateways=2, window_s=60) as idle,
        ):
            assert len(await admitted(busy, team, 8, nano_usd=10)) == 8
            begin(own_valkey, fault)
            assert len(await admitted(idle, team, 10, nano_usd=10)) == 1
            assert len(await admitted(busy, team, 10, nano_usd=10)) == 0

    asyncio.run(run())


@pytest.mark.parametrize("fault", ["stop", "freeze"])
def test_redis_that_is_lost_again_shuts_nobody_out(own_valkey: ValkeyServer, fault: str) -> None:
    """It comes back for a moment, as one that is slow does: each gateway still has its part of what is left."""

    async def run() -> None:
        team = Team(rpm=20, daily_nano_usd=1_000)
        async with (
            gateway(own_valkey.url, "f:", team, gateways=2, window_s=60) as a,
            gateway(own_valkey.url, "f:", team, gateways=2, window_s=60) as b,
        ):
            reservations = await admitted(a, team, 4, nano_usd=10)
            for _ in range(2):
                begin(own_valkey, fault)
                for limiter in (a, b):
                    alone = await admitted(limiter, team, 2, nano_usd=10)
                    assert len(alone) == 2
                    reservations += alone
                end_of(own_valkey, fault)

                async def all_is_told(requests: int) -> bool:
                    usages = [await limiter.usage(team) for limiter in (a, b)]
                    return all(usage.shared and usage.requests == requests for usage in usages)

                await until(partial(all_is_told, len(reservations)))
            begin(own_valkey, fault)
            for limiter in (a, b):
                reservations += await admitted(limiter, team, 20, nano_usd=10)
            assert 18 <= len(reservations) <= 20

    asyncio.run(run())


@pytest.mark.parametrize("fault", ["stop", "freeze"])
def test_a_team_that_is_not_back_yet_takes_no_other_team_away_again(
    own_valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """Teams are reported one after the other; what the last of them asks meanwhile says nothing about Redis."""

    async def run() -> None:
        first, last = Team("first", rpm=40), Team("last", rpm=40)
        async with gateway(own_valkey.url, "f:", first, last, gateways=2, window_s=60) as limiter:
            report, reported = limiter._counters.report, asyncio.Event()

            async def held_up(state: TeamState) -> None:
                if state.name == last.name:
                    await reported.wait()
                await report(state)

            monkeypatch.setattr(limiter._counters, "report", held_up)
            for team in (first, last):
                await granted(limiter, team)
            begin(own_valkey, fault)
            for team in (first, last):
                assert not (await granted(limiter, team)).shared
            end_of(own_valkey, fault)

            async def is_back(team: Team) -> bool:
                return (await granted(limiter, team, requests=0)).shared

            await until(lambda: is_back(first))
            assert not (await granted(limiter, last)).shared
            await limiter.add(last, tokens=1, nano_usd=1)
            assert (await granted(limiter, first)).shared
            reported.set()
            await until(lambda: is_back(last))
            assert (await granted(limiter, first)).shared

    asyncio.run(run())
