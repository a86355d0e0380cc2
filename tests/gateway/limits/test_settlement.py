"""From the estimate to the truth: settling, once, late, cancelled, never; and spending without a reservation."""

from __future__ import annotations

import asyncio

from llm_gateway.limits.limiter import Reservation

from tests.gateway.conftest import Valkey
from tests.gateway.limits.limiting import WINDOW_S, Team, gateway, granted, refused, until


def test_tokens_are_reserved_at_the_estimate_and_settled_to_the_truth(valkey: Valkey) -> None:
    async def run() -> None:
        team = Team(rpm=100, tpm=1000)
        async with gateway(valkey.url, valkey.prefix, team, window_s=60) as limiter:
            reservation = await granted(limiter, team, tokens=700)
            assert reservation.remaining.tokens == 300
            refusal = await refused(limiter, team, tokens=301)
            assert refusal.limit == "tokens"
            assert 59 < refusal.retry_after_s <= 60
            await limiter.settle(reservation, tokens=100, nano_usd=0)
            assert (await granted(limiter, team, tokens=900)).remaining.tokens == 0

    asyncio.run(run())


def test_only_the_first_settlement_counts(valkey: Valkey) -> None:
    async def run() -> None:
        team = Team()
        async with gateway(valkey.url, valkey.prefix, team) as limiter:
            reservation = await granted(limiter, team, tokens=100, nano_usd=100)
            await asyncio.gather(*(limiter.settle(reservation, tokens=n, nano_usd=n) for n in (40, 50, 60)))
            usage = await limiter.usage(team)
            assert (usage.tokens, usage.spent_nano_usd, usage.reserved_nano_usd) == (40, 40, 0)

    asyncio.run(run())


def test_a_reservation_whose_gateway_was_killed_stays_spent_and_leaves_the_window(valkey: Valkey) -> None:
    async def run() -> None:
        team = Team(daily_nano_usd=100, tpm=100)
        async with gateway(valkey.url, valkey.prefix, team) as dead:
            await granted(dead, team, tokens=100, nano_usd=60)
        await asyncio.sleep(WINDOW_S)
        async with gateway(valkey.url, valkey.prefix, team) as limiter:
            assert (await refused(limiter, team, nano_usd=41)).limit == "usd"
            await granted(limiter, team, tokens=100, nano_usd=40)
            usage = await limiter.usage(team)
            assert (usage.spent_nano_usd, usage.reserved_nano_usd) == (100, 100)

    asyncio.run(run())


def test_a_settlement_after_the_window_corrects_the_dollars_and_not_the_tokens(valkey: Valkey) -> None:
    async def run() -> None:
        team = Team()
        async with gateway(valkey.url, valkey.prefix, team, window_s=0.1) as limiter:
            reservation = await granted(limiter, team, tokens=100, nano_usd=100)
            await asyncio.sleep(0.15)
            await limiter.settle(reservation, tokens=70, nano_usd=70)
            usage = await limiter.usage(team)
            assert (usage.tokens, usage.spent_nano_usd) == (0, 70)

    asyncio.run(run())


def test_a_caller_that_goes_away_while_reserving_leaves_nothing_booked(valkey: Valkey) -> None:
    async def run() -> None:
        team = Team(rpm=1000)
        async with gateway(valkey.url, valkey.prefix, team, window_s=60) as limiter:
            served = 0
            for turns in range(12):
                task = asyncio.create_task(limiter.reserve(team, tokens=9, nano_usd=9))
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                (answer,) = await asyncio.gather(task, return_exceptions=True)
                served += isinstance(answer, Reservation)

            async def empty() -> bool:
                usage = await limiter.usage(team)
                return (usage.requests, usage.tokens, usage.spent_nano_usd) == (served, 9 * served, 9 * served)

            assert served < 12
            await until(empty)

    asyncio.run(run())


def test_a_cancelled_caller_still_settles(valkey: Valkey) -> None:
    async def run() -> None:
        team = Team()
        async with gateway(valkey.url, valkey.prefix, team) as limiter:
            reservation = await granted(limiter, team, nano_usd=100)
            task = asyncio.create_task(limiter.settle(reservation, tokens=0, nano_usd=1))
            await asyncio.sleep(0)
            task.cancel()

            async def settled() -> bool:
                return (await limiter.usage(team)).spent_nano_usd == 1

            await until(settled)

    asyncio.run(run())


def test_spending_without_a_reservation_is_charged_and_is_no_request(valkey: Valkey) -> None:
    async def run() -> None:
        team = Team(daily_nano_usd=100)
        async with gateway(valkey.url, valkey.prefix, team) as limiter:
            await limiter.add(team, tokens=30, nano_usd=120)
            usage = await limiter.usage(team)
            assert (usage.requests, usage.tokens, usage.spent_nano_usd) == (0, 30, 120)
            assert usage.reserved_nano_usd == 0
            assert (await refused(limiter, team, nano_usd=1)).remaining.nano_usd == 0

    asyncio.run(run())
