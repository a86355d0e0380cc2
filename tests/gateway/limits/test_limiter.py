"""The limits, against a real server: requests, tokens and dollars, exact over any number of gateways."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import pytest
from llm_gateway.limits import limiter as module
from llm_gateway.limits.limiter import Limiter, Reservation
from llm_gateway.store import Script, Store

from tests.gateway.conftest import Valkey
from tests.gateway.limits.limiting import USD, WINDOW_S, Team, admitted, gateway, granted, refused
from tests.gateway.windows import fullest


def test_the_request_after_the_last_one_allowed_is_refused_until_the_first_has_left(valkey: Valkey) -> None:
    async def run() -> None:
        team = Team()
        async with gateway(valkey.url, valkey.prefix, team) as limiter:
            reservations = await admitted(limiter, team, 10)
            assert [reservation.remaining.requests for reservation in reservations] == list(range(9, -1, -1))
            refusal = await refused(limiter, team)
            assert refusal.limit == "requests"
            assert not refusal.too_large
            assert 0 < refusal.retry_after_s <= WINDOW_S
            await asyncio.sleep(refusal.retry_after_s)
            await granted(limiter, team)

    asyncio.run(run())


def test_a_refused_request_does_not_count(valkey: Valkey) -> None:
    async def run() -> None:
        team = Team(rpm=5)
        async with gateway(valkey.url, valkey.prefix, team) as limiter:
            await admitted(limiter, team, 50, nano_usd=7)
            usage = await limiter.usage(team)
            assert (usage.requests, usage.spent_nano_usd) == (5, 35)

    asyncio.run(run())


def test_every_sliding_window_over_four_gateways_holds_exactly_the_limit(valkey: Valkey) -> None:
    async def client(limiter: Limiter, team: Team, until_s: float, times: list[int]) -> None:
        while time.monotonic() < until_s:
            answer = await limiter.reserve(team, tokens=10, nano_usd=10)
            if isinstance(answer, Reservation):
                times.append(answer.at)
                await limiter.settle(answer, tokens=5, nano_usd=5)
            else:
                await asyncio.sleep(0.005)

    async def run() -> None:
        team, times = Team(rpm=20), list[int]()
        async with (
            gateway(valkey.url, valkey.prefix, team) as a,
            gateway(valkey.url, valkey.prefix, team) as b,
            gateway(valkey.url, valkey.prefix, team) as c,
            gateway(valkey.url, valkey.prefix, team) as d,
        ):
            end = time.monotonic() + 3.5
            await asyncio.gather(*(client(limiter, team, end, times) for limiter in (a, b, c, d) for _ in range(5)))
        assert fullest(times, 1_000_000) == 20
        assert len(times) >= 3 * 20

    asyncio.run(run())


def test_the_wait_for_tokens_ends_when_enough_of_the_oldest_have_left(valkey: Valkey) -> None:
    async def run() -> None:
        team = Team(rpm=100, tpm=100)
        async with gateway(valkey.url, valkey.prefix, team) as limiter:
            first = await granted(limiter, team, tokens=10)
            await asyncio.sleep(0.3)
            second = await granted(limiter, team, tokens=60)
            refusal = await refused(limiter, team, tokens=80)
            assert refusal.retry_after_s > 0.8
            await asyncio.sleep((await refused(limiter, team, tokens=40)).retry_after_s)
            third = await granted(limiter, team, tokens=40)
            assert third.at - first.at >= 1_000_000
            assert third.at - second.at < 1_000_000

    asyncio.run(run())


def test_dollars_are_refused_until_midnight_utc(valkey: Valkey) -> None:
    async def run() -> None:
        team = Team(daily_nano_usd=USD)
        async with gateway(valkey.url, valkey.prefix, team) as limiter:
            await granted(limiter, team, nano_usd=USD - 1)
            refusal = await refused(limiter, team, nano_usd=2)
            assert refusal.limit == "usd"
            assert refusal.remaining.nano_usd == 1
            assert refusal.retry_after_s == pytest.approx(86_400 - time.time() % 86_400, abs=5)
            await granted(limiter, team, nano_usd=1)

    asyncio.run(run())


def test_a_new_day_starts_with_the_whole_budget(valkey: Valkey) -> None:
    async def run() -> None:
        team = Team(daily_nano_usd=100)
        async with gateway(valkey.url, valkey.prefix, team) as limiter:
            await granted(limiter, team, nano_usd=100)
            with valkey.server.client() as redis:
                key = f"{valkey.prefix}limits:{{shop}}:sum"
                today = str(int(time.time()) // 86_400)
                redis.hset(key, str(int(today) - 1), redis.hget(key, today))
                redis.hdel(key, today)
                redis.hset(key, str(int(today) - 50), 1)
            await granted(limiter, team, nano_usd=100)
            assert (await limiter.usage(team)).days == {int(today): 100, int(today) - 1: 100}

    asyncio.run(run())


@pytest.mark.parametrize(
    ("tokens", "nano_usd", "limit"), [(1_001, 0, "tokens"), (0, 101, "usd"), (1_001, 101, "tokens")]
)
def test_a_request_larger_than_the_whole_limit_is_never_admitted(
    valkey: Valkey, tokens: int, nano_usd: int, limit: str
) -> None:
    async def run() -> None:
        team = Team(tpm=1_000, daily_nano_usd=100)
        async with gateway(valkey.url, valkey.prefix, team) as limiter:
            refusal = await refused(limiter, team, tokens=tokens, nano_usd=nano_usd)
            assert refusal.too_large
            assert refusal.limit == limit

    asyncio.run(run())


def test_an_answer_from_the_cache_counts_as_a_request_only(valkey: Valkey) -> None:
    async def run() -> None:
        team = Team(tpm=100, daily_nano_usd=100)
        async with gateway(valkey.url, valkey.prefix, team) as limiter:
            await granted(limiter, team, tokens=100, nano_usd=100)
            hit = await granted(limiter, team)
            await limiter.settle(hit, tokens=0, nano_usd=0)
            usage = await limiter.usage(team)
            assert (usage.requests, usage.tokens, usage.spent_nano_usd) == (2, 100, 100)

    asyncio.run(run())


def test_the_data_of_a_team_is_bounded_by_its_window(valkey: Valkey) -> None:
    async def run() -> None:
        team = Team(rpm=10_000)
        async with gateway(valkey.url, valkey.prefix, team, window_s=0.1) as limiter:
            for _ in range(300):
                reservation = await granted(limiter, team, tokens=3, nano_usd=3)
                await limiter.settle(reservation, tokens=2, nano_usd=2)
            await asyncio.sleep(0.1)
            await granted(limiter, team, tokens=1, nano_usd=1)
            with valkey.server.client() as redis:
                names = {key.rpartition(b":")[2]: key for key in redis.keys(f"{valkey.prefix}limits:*")}
                assert {name: redis.zcard(names[name]) for name in (b"req", b"tok", b"open")} == {
                    b"req": 1,
                    b"tok": 1,
                    b"open": 1,
                }
                assert all(redis.ttl(key) > 0 for key in names.values())

    asyncio.run(run())


def test_every_key_expires_whatever_was_done_last(valkey: Valkey) -> None:
    async def run() -> None:
        team = Team()
        with valkey.server.client() as redis:

            def lasting() -> list[bytes]:
                return [key for key in redis.keys(f"{valkey.prefix}limits:*") if redis.ttl(key) < 0]

            async with gateway(valkey.url, valkey.prefix, team, window_s=60) as limiter:
                reservation = await granted(limiter, team, tokens=9, nano_usd=9)
                assert not lasting()
                await limiter.settle(reservation, tokens=5, nano_usd=5)
                assert not lasting()
                await limiter.add(team, tokens=1, nano_usd=1)
                assert not lasting()
                await limiter.forget(team)
                assert not redis.keys(f"{valkey.prefix}limits:*")

    asyncio.run(run())


def test_the_totals_are_asked_for_as_long_as_a_gateway_lives_while_teams_come_and_go(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The self-test's teams do, as each gateway begins. Without the totals a loss of Redis leaves it nothing."""
    asked = asyncio.Event()

    class Told(Store):
        async def script(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
            found = await super().script(script, keys, args)
            if args[0] == "totals":
                asked.set()
            return found

    async def run() -> None:
        store = Told(valkey.url, prefix=valkey.prefix)
        limiter = Limiter(store, gateways=2)
        await limiter.start([Team("shop"), Team("sales")])
        try:
            for number in range(20):
                asked.clear()
                async with asyncio.timeout(10):
                    await asked.wait()  # In the middle of all teams' totals.
                passing = Team(f"passing-{number}")
                await granted(limiter, passing)
                await limiter.forget(passing)
        finally:
            await limiter.close()
            await store.close()

    monkeypatch.setattr(module, "HEARTBEAT_S", 0.01)
    asyncio.run(run())
