"""Redis' bytes by use: all of them, few of them sent, and what Redis does not tell is not zero."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import cast

import pytest
from llm_gateway.cache.entry_store import EntryStore, Tier
from llm_gateway.gateway import Gateway
from llm_gateway.health.request_counters import RequestCounters
from llm_gateway.ops import redis_use
from llm_gateway.store import Store

from tests.gateway.conftest import Valkey
from tests.gateway.valkey_server import ValkeyServer

TEAM, DAY_S = "sales", 86400
USES = {"exact cache", "semantic cache", "limits", "counts", "watch", "other"}


async def told(url: str, prefix: str, entries: dict[Tier, tuple[int, int]], *, fail: bool = False) -> dict[str, int]:
    """What is told of a team with so many entries of so many bytes in each tier, each of a long question."""
    store = Store(url, prefix=prefix, timeout_s=5.0)
    kept = EntryStore(store, prefix=prefix, bytes_per_team=2**26, ttl_s={"exact": 60, "semantic": 60, "verdict": 60})
    counters = RequestCounters(store, prefix=prefix)
    limiter = SimpleNamespace(keys=lambda team: (f"{prefix}limits:{{{TEAM}}}:req",))
    made = SimpleNamespace(
        config=SimpleNamespace(teams={TEAM: None}), store=store, entry_store=kept, limiter=limiter, counters=counters
    )
    try:
        for tier, (number, size) in entries.items():
            for each in range(number):
                await kept.keep(TEAM, tier, str(each), b"v" * size, row={"q": b"q" * 2000})
        return await redis_use.by_use(cast(Gateway, made), 10**9)
    finally:
        await store.close()


def test_every_use_has_its_bytes_and_their_sum_is_all(valkey: Valkey) -> None:
    now, team = time.time(), f"{{{TEAM}}}"
    month = [f"{valkey.prefix}history:{team}:{int(now) // DAY_S - back}" for back in range(35)]
    with valkey.server.client() as redis:
        for key in month:
            redis.hset(key, "x", "x" * 10_000)
        redis.hset(f"{valkey.prefix}tally:{team}", "x", "x" * 10_000)
        redis.hset(f"{valkey.prefix}tally:{team}:{int(now) // DAY_S - 1}", "x", "x" * 10_000)
        redis.set(f"{valkey.prefix}limits:{team}:req", "x" * 50_000)
        redis.set(f"{valkey.prefix}{{watch}}:state", "x" * 70_000)
    found = asyncio.run(told(valkey.url, valkey.prefix, {"exact": (100, 3000), "semantic": (100, 8000)}))
    assert found.keys() == USES
    # What an entry takes: its value, its row, and Redis' own 260 bytes.
    assert found["exact cache"] == pytest.approx(100 * 5260, rel=0.01)
    assert found["semantic cache"] == pytest.approx(100 * 10_260, rel=0.01)
    assert found["counts"] == pytest.approx(37 * 10_000, rel=0.1)
    assert found["limits"] == pytest.approx(50_000, rel=0.3)
    assert found["watch"] == pytest.approx(70_000, rel=0.3)
    assert sum(found.values()) == 10**9


def test_few_bytes_leave_redis_however_many_the_entries(own_valkey: ValkeyServer) -> None:
    """Redis is paid for by what leaves it, and a scrape comes every few seconds."""

    def sent(number: int) -> int:
        asyncio.run(told(own_valkey.url, "t:", {"exact": (number, 10), "semantic": (number, 10)}))
        with own_valkey.client() as redis:
            before = redis.info("stats")["total_net_output_bytes"]
            asyncio.run(told(own_valkey.url, "t:", {}))
            return int(redis.info("stats")["total_net_output_bytes"]) - int(before)

    few, many = sent(10), sent(200)
    assert many < few + 200
    assert many < 20_000


def test_what_redis_does_not_weigh_is_left_out_and_is_not_zero(own_valkey: ValkeyServer) -> None:
    with own_valkey.client() as redis:
        redis.execute_command("ACL", "SETUSER", "default", "-memory")
    found = asyncio.run(told(own_valkey.url, "t:", {"exact": (10, 3000)}))
    assert found.keys() == {"exact cache", "semantic cache", "other"}
    assert sum(found.values()) == 10**9
