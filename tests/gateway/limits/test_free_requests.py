"""A request whose answer is kept costs nothing but counts as a request; one round trip finds it and books."""

from __future__ import annotations

import asyncio

from llm_gateway.limits.limiter import Limiter, Reservation

from tests.gateway.conftest import Valkey
from tests.gateway.limits.limiting import Team, admitted, begin, end_of, gateway, granted, refused, until
from tests.gateway.valkey_server import ValkeyServer

ENTRY = "kept:{shop}:1"


async def asked(limiter: Limiter, team: Team, *, tokens: int = 10, nano_usd: int = 10) -> Reservation:
    answer = await limiter.reserve(team, tokens=tokens, nano_usd=nano_usd, free_if_exists=ENTRY)
    assert isinstance(answer, Reservation), answer
    return answer


def test_what_is_kept_is_handed_out_for_nothing_and_what_is_not_is_booked(valkey: Valkey) -> None:
    async def run() -> None:
        team = Team()
        async with gateway(valkey.url, valkey.prefix, team) as limiter:
            missed = await asked(limiter, team)
            assert (missed.cached, missed.tokens, missed.nano_usd) == (None, 10, 10)
            await limiter._store.call("SET", ENTRY, b"an answer")
            hit = await asked(limiter, team)
            assert (hit.cached, hit.tokens, hit.nano_usd) == (b"an answer", 0, 0)
            usage = await limiter.usage(team)
            assert (usage.requests, usage.tokens, usage.spent_nano_usd) == (2, 10, 10)

    asyncio.run(run())


def test_a_team_without_tokens_or_money_left_still_gets_what_is_kept(valkey: Valkey) -> None:
    async def run() -> None:
        team = Team(tpm=100, daily_nano_usd=100)
        async with gateway(valkey.url, valkey.prefix, team) as limiter:
            await granted(limiter, team, tokens=100, nano_usd=100)
            assert (await limiter.reserve(team, tokens=10, nano_usd=10, free_if_exists=ENTRY)).remaining.tokens == 0
            await limiter._store.call("SET", ENTRY, b"an answer")
            assert (await asked(limiter, team)).cached == b"an answer"
            # Even one that alone would be more than the whole limit.
            assert (await asked(limiter, team, tokens=1_000, nano_usd=1_000)).cached == b"an answer"

    asyncio.run(run())


def test_what_is_kept_counts_as_a_request_and_is_refused_like_one(valkey: Valkey) -> None:
    async def run() -> None:
        team = Team(rpm=3)
        async with gateway(valkey.url, valkey.prefix, team) as limiter:
            await limiter._store.call("SET", ENTRY, b"an answer")
            for _ in range(3):
                await asked(limiter, team)
            refusal = await limiter.reserve(team, tokens=10, nano_usd=10, free_if_exists=ENTRY)
            assert not isinstance(refusal, Reservation)
            assert refusal.limit == "requests"

    asyncio.run(run())


def test_after_an_outage_what_is_kept_is_free_of_the_share_that_is_enforced_then(own_valkey: ValkeyServer) -> None:
    async def run() -> None:
        team = Team(rpm=100, daily_nano_usd=1_000)
        async with gateway(own_valkey.url, "f:", team, gateways=2, window_s=30.0) as limiter:
            await admitted(limiter, team, 2, nano_usd=100)
            begin(own_valkey, "freeze")
            alone = await granted(limiter, team, nano_usd=300)
            assert not alone.shared
            end_of(own_valkey, "freeze")

            async def told() -> bool:
                usage = await limiter.usage(team)
                return usage.shared and usage.spent_nano_usd == 500

            await until(told)
            await limiter._store.call("SET", ENTRY, b"an answer")
            await refused(limiter, team, nano_usd=500)  # It would fit, but not into a gateway's own share.

            async def found() -> bool:
                # On a busy machine Redis may seem away once more, and then nothing is found.
                answer = await limiter.reserve(team, tokens=10, nano_usd=500, free_if_exists=ENTRY)
                return isinstance(answer, Reservation) and answer.cached == b"an answer"

            await until(found)
            usage = await limiter.usage(team)
            assert (usage.requests, usage.spent_nano_usd) == (4, 500)

    asyncio.run(run())


def test_without_redis_nothing_is_found_and_the_request_is_booked(own_valkey: ValkeyServer) -> None:
    async def run() -> None:
        team = Team()
        async with gateway(own_valkey.url, "f:", team) as limiter:
            await limiter._store.call("SET", ENTRY, b"an answer")
            begin(own_valkey, "stop")
            reservation = await asked(limiter, team)
            assert (reservation.cached, reservation.shared, reservation.tokens) == (None, False, 10)

    asyncio.run(run())
