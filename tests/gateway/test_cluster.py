"""The parts that stand on Redis, on a real cluster of three servers: each team's keys are on one of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count

import pytest
from llm_gateway.redis_slots import key_slot
from llm_gateway.store import Store

from tests.gateway.limits.limiting import Team, admitted, gateway, granted, refused
from tests.gateway.valkey_cluster import ValkeyCluster, ask

WINDOW_S = 60.0
DEADLINE_S = 5.0
TEAMS = ("prod_ceo", "prod_background", "prod_customer")
"""Each on another server, as `test_the_teams_are_on_all_servers` makes sure."""

_numbers = count(1)


@pytest.fixture(scope="module")
def cluster() -> Iterator[ValkeyCluster]:
    with ValkeyCluster() as started:
        yield started


@asynccontextmanager
async def store(cluster: ValkeyCluster, prefix: str) -> AsyncIterator[Store]:
    made = Store(cluster.url, prefix=prefix, timeout_s=DEADLINE_S, breaker_open_s=0.1)
    assert await made.start()
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
def prefix() -> str:
    return f"c{next(_numbers)}:"


def test_the_teams_are_on_all_servers(cluster: ValkeyCluster) -> None:
    assert {cluster.master_of(f"{{{team}}}").port for team in TEAMS} == {each.port for each in cluster.masters}


@pytest.mark.parametrize("key", ["a", "{shop}", "x:{shop}:y", "{}a", "a{b", "a}b{c}d{e}", "é{ü}"])
def test_a_keys_slot_is_the_servers(cluster: ValkeyCluster, key: str) -> None:
    assert key_slot(key) == ask(cluster.masters[0], "CLUSTER", "KEYSLOT", key)


def test_limits_of_all_teams_are_exact_over_two_gateways(cluster: ValkeyCluster, prefix: str) -> None:
    teams = [Team(name, rpm=10, tpm=1000) for name in TEAMS]

    async def main() -> None:
        async with (
            gateway(cluster.url, prefix, *teams, gateways=2, window_s=WINDOW_S) as one,
            gateway(cluster.url, prefix, *teams, gateways=2, window_s=WINDOW_S) as other,
        ):
            for team in teams:
                held = await granted(one, team, tokens=900, nano_usd=1)
                assert held.shared
                assert (await refused(other, team, tokens=200)).limit == "tokens"
                await one.settle(held, tokens=100, nano_usd=1)
                await granted(other, team, tokens=200)
                ours, theirs = await asyncio.gather(admitted(one, team, 10), admitted(other, team, 10))
                assert all(answer.shared for answer in (*ours, *theirs))
                assert len(ours) + len(theirs) == 8
                usage = await other.usage(team)
                assert (usage.requests, usage.tokens, usage.shared) == (10, 300, True)

    asyncio.run(main())


def test_what_one_server_publishes_is_heard_at_any(cluster: ValkeyCluster, prefix: str) -> None:
    """So a gateway hears of the others' admissions, which the limits' script publishes where the team's keys are."""

    async def main() -> None:
        async with store(cluster, prefix) as listening, store(cluster, prefix) as speaking:
            begun, heard = asyncio.Event(), asyncio.Queue[bytes]()
            hearing = asyncio.create_task(
                listening.listen(TEAMS, lambda channel, _: heard.put_nowait(channel), begun=begun.set)
            )
            async with asyncio.timeout(10):
                await begun.wait()
                for team in TEAMS:
                    await speaking.call("PUBLISH", team, "x")
                assert {(await heard.get()).decode() for _ in TEAMS} == set(TEAMS)
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)

    asyncio.run(main())
