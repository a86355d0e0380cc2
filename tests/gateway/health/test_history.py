"""Figures belong to the hour in which their request began, as Langfuse has it."""

from __future__ import annotations

import asyncio
import time

from llm_gateway.config import Team
from llm_gateway.health.request_counters import RequestCounters
from llm_gateway.outcome import Outcome
from llm_gateway.store import Store

from tests.gateway.conftest import Valkey

SHOP = Team("shop", "KEY", 10, 100, 1_000, semantic="off")


def test_a_request_over_the_turn_of_the_hour_is_counted_where_langfuse_shows_it(valkey: Valkey) -> None:
    async def counted() -> dict[int, dict[str, int]]:
        store = Store(valkey.url, prefix=valkey.prefix, timeout_s=5.0)
        counters = RequestCounters(store, prefix=valkey.prefix)
        try:
            for hours_ago in (1, 0):
                outcome = Outcome(SHOP, tier="miss")
                outcome.started_ns = time.time_ns() - hours_ago * 3600 * 10**9
                counters.count(outcome, saved_nano_usd=0)
            await counters.flush()
            return {hour: dict(named) for hour, named in (await counters.history("shop", 2)).items()}
        finally:
            await store.close()

    began = int(time.time()) // 3600
    found = asyncio.run(counted())
    assert found in ({began - 1: {"miss": 1}, began: {"miss": 1}}, {began: {"miss": 1}, began + 1: {"miss": 1}})
