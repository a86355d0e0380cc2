"""The limits, against a real server: exact while it is there, each gateway's share while it is not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from llm_gateway.limits import Grant, Limiter, Refusal
from llm_gateway.store import Script, Store

from tests.gateway.conftest import Valkey
from tests.gateway.valkey_server import ValkeyServer
from tests.gateway.windows import fullest

USD = 1_000_000_000
WINDOW_S = 1.0


@dataclass(frozen=True)
class Team:
    name: str = "shop"
    rpm: int = 10
    tpm: int = 1_000_000
    daily_nano_usd: int = 1_000 * USD


@asynccontextmanager
async def gateway(
    url: str, prefix: str, *teams: Team, gateways: int = 1, window_s: float = WINDOW_S
) -> AsyncIterator[Limiter]:
    """One gateway's limiter, as a process of its own would have it."""
    store = Store(url, prefix=prefix, timeout_s=0.2, breaker_open_s=0.2)
    limiter = Limiter(store, gateways=gateways, window_s=window_s)
    await limiter.start(teams)
    try:
        yield limiter
    finally:
        await limiter.close()
        await store.close()


async def until(condition: Callable[[], Awaitable[bool]], timeout_s: float = 5.0) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(timeout_s):
        while not await condition():
            await asyncio.sleep(0.01)


async def admitted(limiter: Limiter, team: Team, tries: int, *, tokens: int = 0, nano_usd: int = 0) -> list[Grant]:
    answers = [await limiter.reserve(team, tokens=tokens, nano_usd=nano_usd) for _ in range(tries)]
    return [answer for answer in answers if isinstance(answer, Grant)]


async def refused(limiter: Limiter, team: Team, *, tokens: int = 0, nano_usd: int = 0) -> Refusal:
    answer = await limiter.reserve(team, tokens=tokens, nano_usd=nano_usd)
    assert isinstance(answer, Refusal)
    return answer


async def granted(limiter: Limiter, team: Team, *, tokens: int = 0, nano_usd: int = 0) -> Grant:
    answer = await limiter.reserve(team, tokens=tokens, nano_usd=nano_usd)
    assert isinstance(answer, Grant), answer
    return answer


FAULTS = ["stop", "freeze", "fill", "forbid"]


def begin(server: ValkeyServer, fault: str) -> None:
    if fault == "forbid":
        with server.client() as redis:
            redis.acl_setuser("default", enabled=True, commands=["-eval", "-evalsha"])
    else:
        {"stop": server.stop, "freeze": server.freeze, "fill": server.fill}[fault]()


def end_of(server: ValkeyServer, fault: str) -> None:
    if fault == "forbid":
        with server.client() as redis:
            redis.acl_setuser("default", enabled=True, commands=["+eval", "+evalsha"])
    else:
        {"stop": server.start, "freeze": server.resume, "fill": server.unfill}[fault]()


def test_the_request_after_the_last_one_allowed_is_refused_until_the_first_has_left(valkey: Valkey) -> None:
    async def run() -> None:
        team = Team()
        async with gateway(valkey.url, valkey.prefix, team) as limiter:
            grants = await admitted(limiter, team, 10)
            assert [grant.remaining.requests for grant in grants] == list(range(9, -1, -1))
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
            if isinstance(answer, Grant):
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


def test_tokens_are_reserved_at_the_estimate_and_settled_to_the_truth(valkey: Valkey) -> None:
    async def run() -> None:
        team = Team(rpm=100, tpm=1000)
        async with gateway(valkey.url, valkey.prefix, team, window_s=60) as limiter:
            grant = await granted(limiter, team, tokens=700)
            assert grant.remaining.tokens == 300
            refusal = await refused(limiter, team, tokens=301)
            assert refusal.limit == "tokens"
            assert 59 < refusal.retry_after_s <= 60
            await limiter.settle(grant, tokens=100, nano_usd=0)
            assert (await granted(limiter, team, tokens=900)).remaining.tokens == 0

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


def test_only_the_first_settlement_counts(valkey: Valkey) -> None:
    async def run() -> None:
        team = Team()
        async with gateway(valkey.url, valkey.prefix, team) as limiter:
            grant = await granted(limiter, team, tokens=100, nano_usd=100)
            await asyncio.gather(*(limiter.settle(grant, tokens=n, nano_usd=n) for n in (40, 50, 60)))
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
            grant = await granted(limiter, team, tokens=100, nano_usd=100)
            await asyncio.sleep(0.15)
            await limiter.settle(grant, tokens=70, nano_usd=70)
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
                served += isinstance(answer, Grant)

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
            grant = await granted(limiter, team, nano_usd=100)
            task = asyncio.create_task(limiter.settle(grant, tokens=0, nano_usd=1))
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


def test_the_data_of_a_team_is_bounded_by_its_window(valkey: Valkey) -> None:
    async def run() -> None:
        team = Team(rpm=10_000)
        async with gateway(valkey.url, valkey.prefix, team, window_s=0.1) as limiter:
            for _ in range(300):
                grant = await granted(limiter, team, tokens=3, nano_usd=3)
                await limiter.settle(grant, tokens=2, nano_usd=2)
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


@pytest.mark.parametrize("fault", FAULTS)
def test_a_gateway_alone_keeps_the_limit_through_an_outage_and_reports_it(own_valkey: ValkeyServer, fault: str) -> None:
    async def run() -> None:
        team = Team(rpm=10, daily_nano_usd=1_000)
        async with gateway(own_valkey.url, "f:", team, window_s=2.0) as limiter:
            before = await admitted(limiter, team, 4, tokens=10, nano_usd=10)
            begin(own_valkey, fault)
            started = time.perf_counter()
            first = await granted(limiter, team, tokens=10, nano_usd=10)
            assert time.perf_counter() - started < 0.25
            assert first.shared is (fault == "fill")  # a full Redis still decides, see limits.lua
            started = time.perf_counter()
            during = await admitted(limiter, team, 20, tokens=10, nano_usd=10)
            assert (time.perf_counter() - started) / 20 < 0.005
            assert len(before) + 1 + len(during) == 10
            for grant in [*before, first, *during]:
                await limiter.settle(grant, tokens=1, nano_usd=1)
            refusal = await refused(limiter, team)
            assert refusal.limit == "requests"
            assert 0 < refusal.retry_after_s <= 2.0

            end_of(own_valkey, fault)

            async def reported() -> bool:
                usage = await limiter.usage(team)
                return usage.shared and (usage.requests, usage.tokens, usage.spent_nano_usd) == (10, 10, 10)

            await until(reported)
            times = [grant.at for grant in [*before, first, *during]]
            end = time.monotonic() + 2.5
            while time.monotonic() < end:
                times += [grant.at for grant in await admitted(limiter, team, 1)]
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
            grants = await admitted(a, team, before[0], nano_usd=10) + await admitted(b, team, before[1], nano_usd=10)
            await b.reserve(team, tokens=0, nano_usd=2_000)  # refused, but b hears the totals
            await a.reserve(team, tokens=0, nano_usd=2_000)
            begin(own_valkey, fault)
            first_alone = len(grants)
            end = time.monotonic() + 2.8
            back: float | None = time.monotonic() + 1.6
            while time.monotonic() < end:
                for limiter in (a, b):
                    grants += await admitted(limiter, team, 1, nano_usd=10)
                if back and time.monotonic() > back:
                    end_of(own_valkey, fault)
                    back = None
                await asyncio.sleep(0.01)
            assert fullest([grant.at for grant in grants], 1_000_000) <= 10
            assert len(grants) > first_alone + 5

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


def test_counters_lost_by_redis_are_restored_by_the_gateways(own_valkey: ValkeyServer) -> None:
    async def run() -> None:
        team = Team(rpm=10, daily_nano_usd=1_000)
        async with (
            gateway(own_valkey.url, "f:", team, gateways=2, window_s=60) as a,
            gateway(own_valkey.url, "f:", team, gateways=2, window_s=60) as b,
        ):
            open_one = await granted(a, team, tokens=5, nano_usd=100)
            await limiter_pair(a, b, team)
            with own_valkey.client() as redis:
                redis.flushall()
            await a.reserve(team, tokens=0, nano_usd=0)
            await b.reserve(team, tokens=0, nano_usd=0)

            async def restored() -> bool:
                usage = await b.usage(team)
                return usage.shared and usage.spent_nano_usd == 100 + 7 * 3 and usage.requests >= 8

            await until(restored)
            await a.settle(open_one, tokens=1, nano_usd=1)

            async def settled() -> bool:
                # While `a` is still reporting, its settlement goes with the report.
                usage = await a.usage(team)
                return (usage.spent_nano_usd, usage.reserved_nano_usd) == (1 + 7 * 3, 0)

            await until(settled)

    async def limiter_pair(a: Limiter, b: Limiter, team: Team) -> None:
        for grant in await admitted(a, team, 3, tokens=5, nano_usd=10):
            await a.settle(grant, tokens=3, nano_usd=3)
        for grant in await admitted(b, team, 4, tokens=5, nano_usd=10):
            await b.settle(grant, tokens=3, nano_usd=3)

    asyncio.run(run())


class Overtaking(Store):
    """Holds the answer to one operation back while later ones come through, or does something just before it."""

    held: asyncio.Event | None = None
    before_record: Callable[[], None] | None = None

    async def script(self, script: Script, keys: Sequence[str], args: Sequence[str | int | bytes]) -> Any:
        if args[0] == "record" and self.before_record is not None:
            act, self.before_record = self.before_record, None
            act()
        held, self.held = self.held, None
        answer = await super().script(script, keys, args)
        if held is not None:
            await held.wait()
        return answer


def test_an_answer_that_was_overtaken_is_not_taken_for_a_loss_of_the_counters(valkey: Valkey) -> None:
    async def run() -> None:
        team, store = Team(), Overtaking(valkey.url, prefix=valkey.prefix, timeout_s=2.0)
        limiter = Limiter(store, window_s=60)
        store.held = asyncio.Event()
        late = asyncio.create_task(limiter.usage(team))  # On an empty Redis: it answers that it knows no counters.
        held = store.held
        while store.held is not None:
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        grant = await granted(limiter, team, tokens=5, nano_usd=100)
        held.set()
        await late
        assert (await granted(limiter, team)).shared
        await limiter.settle(grant, tokens=1, nano_usd=1)
        assert (await limiter.usage(team)).spent_nano_usd == 1
        await limiter.close()
        await store.close()

    asyncio.run(run())


def test_counters_lost_again_while_they_are_restored_come_back_once(own_valkey: ValkeyServer) -> None:
    async def run() -> None:
        team, store = Team(rpm=100), Overtaking(own_valkey.url, prefix="f:", timeout_s=2.0)
        limiter = Limiter(store, window_s=60)
        open_one = await granted(limiter, team, tokens=5, nano_usd=100)
        for _ in range(3):
            await limiter.settle(await granted(limiter, team, tokens=5, nano_usd=10), tokens=3, nano_usd=3)

        def lose() -> None:
            with own_valkey.client() as redis:
                redis.flushall()
                # Another gateway was faster to book something.
                redis.hset("f:limits:{shop}:sum", "epoch", f"{time.time_ns()}")

        lose()
        store.before_record = lose
        await limiter.reserve(team, tokens=0, nano_usd=0)

        async def restored() -> bool:
            usage = await limiter.usage(team)
            return usage.shared and usage.reserved_nano_usd == 100 and usage.spent_nano_usd == 109

        await until(restored)
        await limiter.settle(open_one, tokens=1, nano_usd=1)

        async def settled() -> bool:
            return (await limiter.usage(team)).spent_nano_usd == 10

        await until(settled)
        await limiter.close()
        await store.close()

    asyncio.run(run())


def test_every_key_expires_whatever_was_done_last(valkey: Valkey) -> None:
    async def run() -> None:
        team = Team()
        with valkey.server.client() as redis:

            def lasting() -> list[bytes]:
                return [key for key in redis.keys(f"{valkey.prefix}limits:*") if redis.ttl(key) < 0]

            async with gateway(valkey.url, valkey.prefix, team, window_s=60) as limiter:
                grant = await granted(limiter, team, tokens=9, nano_usd=9)
                assert not lasting()
                await limiter.settle(grant, tokens=5, nano_usd=5)
                assert not lasting()
                await limiter.add(team, tokens=1, nano_usd=1)
                assert not lasting()
                await limiter.forget(team)
                assert not redis.keys(f"{valkey.prefix}limits:*")

    asyncio.run(run())
