"""The limits when Redis comes back without its counters: gateways restore them once, and mistake nothing for a loss."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from llm_gateway.limits.limiter import Limiter
from llm_gateway.store import Script, Store

from tests.gateway.conftest import Valkey
from tests.gateway.limits.limiting import Team, admitted, gateway, granted, until
from tests.gateway.valkey_server import ValkeyServer


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
        for reservation in await admitted(a, team, 3, tokens=5, nano_usd=10):
            await a.settle(reservation, tokens=3, nano_usd=3)
        for reservation in await admitted(b, team, 4, tokens=5, nano_usd=10):
            await b.settle(reservation, tokens=3, nano_usd=3)

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
        reservation = await granted(limiter, team, tokens=5, nano_usd=100)
        held.set()
        await late
        assert (await granted(limiter, team)).shared
        await limiter.settle(reservation, tokens=1, nano_usd=1)
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

        def lose_counters() -> None:
            with own_valkey.client() as redis:
                redis.flushall()
                # Another gateway was faster to book something.
                redis.hset("f:limits:{shop}:sum", "epoch", f"{time.time_ns()}")

        lose_counters()
        store.before_record = lose_counters
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
