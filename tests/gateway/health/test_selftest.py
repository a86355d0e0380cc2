"""The self-test finds what is broken."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from llm_gateway.cache.entry_store import EntryStore
from llm_gateway.cache.exact import ExactCache, Hit
from llm_gateway.cache.keys import CacheKey
from llm_gateway.config import Team, parse
from llm_gateway.health import request_counters
from llm_gateway.health.request_counters import DAY_S, LAST_REQUEST, RequestCounters, pays
from llm_gateway.health.selftest import SelfTest
from llm_gateway.limits.limiter import Limiter, Refusal, Reservation
from llm_gateway.outcome import Outcome
from llm_gateway.store import Store

from tests.gateway.conftest import Valkey
from tests.gateway.test_config import DOCUMENT

CONFIG = parse(copy.deepcopy(DOCUMENT))


class NoDeployments:
    async def choose(self, model: str) -> None:
        """Nothing to warm."""


class Forgetful(ExactCache):
    async def put(self, key: CacheKey, response: Any, **options: Any) -> bool:
        return True


class Leaky(ExactCache):
    async def get(self, key: CacheKey) -> Hit | None:
        return await super().get(CacheKey("self-test", key.digest))


class Generous(Limiter):
    async def reserve(self, team: Any, **options: Any) -> Reservation | Refusal:
        options["tokens"] = 0
        return await super().reserve(Team(team.name, "", 10**6, 10**6, 10**6), **options)


def with_store(valkey: Valkey, work: Callable[[Store], Awaitable[None]]) -> None:
    async def main() -> None:
        store = Store(valkey.url, prefix=valkey.prefix, timeout_s=2.0)
        await store.start()
        try:
            await work(store)
        finally:
            await store.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("cache", "limits", "complaint"),
    [
        (ExactCache, Limiter, None),
        (Forgetful, Limiter, "did not give back"),
        (Leaky, Limiter, "one team's answer to another"),
        (ExactCache, Generous, "admitted a request above the limit"),
    ],
)
def test_only_working_parts_pass(
    valkey: Valkey, cache: type[ExactCache], limits: type[Limiter], complaint: str | None
) -> None:
    async def check(store: Store) -> None:
        entry_store = EntryStore(
            store,
            prefix=valkey.prefix,
            bytes_per_team=100_000,
            ttl_s={"exact": 60, "semantic": 60, "verdict": 60},
        )
        limiter = limits(store)
        test = SelfTest(CONFIG, store=store, limiter=limiter, exact=cache(entry_store), deployments=NoDeployments())  # type: ignore[arg-type]
        running = asyncio.create_task(test.until_passed())
        async with asyncio.timeout(10):
            while test.pending == "not finished":
                await asyncio.sleep(0.01)
        running.cancel()
        if complaint is None:
            assert test.pending is None
        else:
            assert complaint in str(test.pending)
        await limiter.close()

    with_store(valkey, check)


def test_counts_of_several_gateways_add_up_in_redis(valkey: Valkey) -> None:
    async def check(store: Store) -> None:
        team = Team("shop", "SHOP_KEY", 1, 1, 1)
        gateways = [RequestCounters(store, prefix=valkey.prefix) for _ in range(2)]
        for counters in gateways:
            counters.count(Outcome(team, tier="exact"), saved_nano_usd=5)
            counters.count(Outcome(team, status=429, warning="limit reached"), saved_nano_usd=0)
            counters.count(Outcome(team, error="broken", status=502), saved_nano_usd=0)
            await counters.flush()
            await counters.flush()
        shared = dict(await gateways[0].shared("shop"))
        assert time.time() - 60 < shared.pop(LAST_REQUEST) <= time.time()
        assert shared == {"exact": 2, "limited": 2, "failed": 2, "saved_nano_usd": 10}
        assert gateways[0].totals["shop", "exact"] == 1

    with_store(valkey, check)


@pytest.mark.parametrize(("saved", "spent", "paid"), [(5, 9, False), (9, 5, True), (5, 0, None)])
def test_a_day_on_which_the_judge_cost_more_than_it_saved_is_told_on_the_next(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch, saved: int, spent: int, paid: bool | None
) -> None:
    """What was served by a verdict counts as saved by it; what needed none, or came from the exact tier, does not."""

    async def check(store: Store) -> None:
        team = Team("shop", "SHOP_KEY", 1, 1, 1)
        one, two = (RequestCounters(store, prefix=valkey.prefix) for _ in range(2))
        one.add("shop", "judge_nano_usd", spent)
        two.count(Outcome(team, tier="semantic", served_by="judge"), saved_nano_usd=saved)
        two.count(Outcome(team, tier="semantic", served_by="same"), saved_nano_usd=1000)
        two.count(Outcome(team, tier="exact"), saved_nano_usd=1000)
        for counters in (one, two):
            await counters.flush()
        assert pays(await one.yesterday("shop")) is None
        monkeypatch.setattr(request_counters, "_today", lambda: int(time.time()) // DAY_S + 1)
        assert pays(await one.yesterday("shop")) is paid

    with_store(valkey, check)


def test_counts_wait_while_redis_is_away(valkey: Valkey) -> None:
    async def check(store: Store) -> None:
        away = RequestCounters(Store("redis://127.0.0.1:1/0", prefix="x:", timeout_s=0.2), prefix="x:")
        away.count(Outcome(Team("shop", "", 1, 1, 1), tier="miss"), saved_nano_usd=0)
        await away.flush()
        away._store, away._prefix = store, valkey.prefix
        await away.flush()
        assert (await away.shared("shop"))["miss"] == 1

    with_store(valkey, check)
