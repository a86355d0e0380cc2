"""The parts that stand on Redis, on a real cluster of three servers: each team's keys are on one of them."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import count

import pytest
from llm_gateway.redis_slots import key_slot, owners
from llm_gateway.store import Script, Store, StoreUnavailable

from tests.gateway import test_switches
from tests.gateway.cache import test_exact, test_semantic_shared, test_shadow_sample
from tests.gateway.conftest import Valkey
from tests.gateway.health import test_selftest
from tests.gateway.limits import test_free_requests
from tests.gateway.limits.limiting import Team, admitted, gateway, granted, refused
from tests.gateway.limits.limiting import until as eventually
from tests.gateway.valkey_cluster import ValkeyCluster, ask, until
from tests.gateway.valkey_server import ValkeyServer
from tests.gateway.watch import test_memory

WINDOW_S = 60.0
DEADLINE_S = 5.0
TEAMS = ("prod_ceo", "prod_background", "prod_customer")
"""Each on another server, as `test_the_teams_are_on_all_servers` makes sure."""

HOLD: tuple[Callable[[Valkey], None], ...] = (
    test_exact.test_an_answer_is_found_again_by_its_team_alone,
    test_exact.test_oldest_entries_go_first_and_the_account_matches_what_is_left,
    test_exact.test_a_team_purge_removes_that_team_and_frees_its_budget,
    test_free_requests.test_what_is_kept_is_handed_out_for_nothing_and_what_is_not_is_booked,
    test_semantic_shared.test_another_gateway_sees_an_entry_and_a_purge_at_once,
    test_shadow_sample.test_a_hit_that_differs_from_a_fresh_answer_goes_and_its_verdict_turns,
    test_selftest.test_counts_of_several_gateways_add_up_in_redis,
    test_switches.test_what_one_gateway_is_told_every_other_knows_at_its_next_look,
    test_memory.test_one_works_at_a_time_and_one_that_stops_hands_over_at_once,
)

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


@pytest.mark.parametrize("test", HOLD, ids=lambda test: test.__name__)
def test_what_holds_on_one_server_holds_on_a_cluster(
    cluster: ValkeyCluster, prefix: str, test: Callable[[Valkey], None]
) -> None:
    """One test of each part that stands on Redis; `TEST_REDIS=cluster` runs all of them so."""
    test(Valkey(cluster, cluster.url, prefix))


def test_what_each_server_uses_is_known(cluster: ValkeyCluster, prefix: str) -> None:
    async def main() -> None:
        async with store(cluster, prefix) as redis:
            told = await redis.memory()
            assert len(told) == len(cluster.masters)
            assert all(0 < used < most for used, most in told)

    asyncio.run(main())


def test_a_team_is_moved_to_another_server_while_it_works(cluster: ValkeyCluster, prefix: str) -> None:
    """Each command finds its key: on its way (ASK), and where it has arrived (MOVED)."""
    team = "moving"
    slot, begin = key_slot(f"{{{team}}}"), cluster.master_of(f"{{{team}}}")
    end = next(each for each in cluster.masters if each != begin)
    source, target = (ask(each, "CLUSTER", "MYID") for each in (begin, end))

    async def main() -> None:
        async with store(cluster, prefix) as redis:
            before, after = f"{prefix}{{{team}}}:before", f"{prefix}{{{team}}}:after"
            await redis.call("SET", before, "1")
            ask(end, "CLUSTER", "SETSLOT", slot, "IMPORTING", source)
            ask(begin, "CLUSTER", "SETSLOT", slot, "MIGRATING", target)
            assert await redis.call("GET", before) == b"1"
            await redis.call("SET", after, "2")
            assert await redis.script(Script("return redis.call('GET', KEYS[1])"), [after], []) == b"2"
            ask(begin, "MIGRATE", "127.0.0.1", end.port, before, 0, 5000, "AUTH", end.password)
            assert await redis.call("GET", before) == b"1"
            for each in (end, begin):
                ask(each, "CLUSTER", "SETSLOT", slot, "NODE", target)
            assert await redis.call("MGET", before, after) == [b"1", b"2"]
            asked = _commands(begin)
            async with asyncio.timeout(10):
                while True:  # Until it knows where the team is.
                    await redis.call("GET", after)
                    if _commands(begin) == asked:
                        break
                    asked = _commands(begin)
            assert redis.available

    asyncio.run(main())


def test_a_replica_takes_over_and_the_limit_holds() -> None:
    """While nobody has a team's keys each gateway keeps to its share, as with one Redis that is away."""
    team = Team("prod_ceo", rpm=10)
    with ValkeyCluster(replicas=1) as cluster:
        (replica,), lost = cluster.replicas, cluster.master_of("{prod_ceo}")
        assert lost == cluster.masters[0]

        async def main() -> None:
            async with gateway(cluster.url, "f:", team, window_s=WINDOW_S) as limiter:
                assert len(await admitted(limiter, team, 4)) == 4
                until(lambda: _offset(replica) >= _offset(lost))
                lost.stop(kill=True)
                alone = await admitted(limiter, team, 3)
                assert [answer.shared for answer in alone] == [False] * 3

                async def told() -> bool:
                    usage = await limiter.usage(team)
                    return usage.shared and usage.requests == 7

                await eventually(told, 30)
                assert cluster.master_of("{prod_ceo}") == replica
                assert len(await admitted(limiter, team, 10)) == 3

        asyncio.run(main())


def _offset(server: ValkeyServer) -> int:
    lines = ask(server, "INFO", "replication").decode().splitlines()
    return next(int(line.partition(":")[2]) for line in lines if line.startswith("master_repl_offset:"))


def _commands(server: ValkeyServer) -> int:
    """How many reads a server has been asked for."""
    found = re.search(r"cmdstat_get:calls=(\d+),.*rejected_calls=(\d+)", ask(server, "INFO", "commandstats").decode())
    return sum(map(int, found.groups())) if found else 0


def test_a_server_that_does_not_know_its_own_name_has_that_by_which_it_was_asked() -> None:
    rows = [
        [0, 5, [b"", 1, b"id"], [b"replica", 9, b"id"]],
        [6, 9, [None, 2, b"id"]],
        [10, 11, [b"fdaa::3", 3, b"id"]],
        [12, 13, [b"?", 4]],
    ]
    assert list(owners(rows, "asked")) == [
        (0, 5, "asked", 1),
        (6, 9, "asked", 2),
        (10, 11, "fdaa::3", 3),
        (12, 13, "asked", 4),
    ]


def test_a_team_whose_keys_are_half_moved_takes_no_other_one_off_redis() -> None:
    """Of a script's keys some are here and some there, so neither server runs it: TRYAGAIN."""

    async def run(cluster: ValkeyCluster) -> None:
        moving, slot = Team("moving"), key_slot("{moving}")
        begin = cluster.master_of("{moving}")
        end = next(each for each in cluster.masters if each != begin)
        others = [Team(f"team-{number}", rpm=1000) for number in range(6)]
        async with gateway(cluster.url, "h:", *others, moving, gateways=2, window_s=WINDOW_S) as limiter:
            await granted(limiter, moving)
            ask(end, "CLUSTER", "SETSLOT", slot, "IMPORTING", ask(begin, "CLUSTER", "MYID"))
            ask(begin, "CLUSTER", "SETSLOT", slot, "MIGRATING", ask(end, "CLUSTER", "MYID"))
            ask(begin, "MIGRATE", "127.0.0.1", end.port, "h:limits:{moving}:req", 0, 5000, "AUTH", end.password)
            assert not (await granted(limiter, moving)).shared

            async def all_others_are_back() -> bool:
                return all([(await granted(limiter, team)).shared for team in others])

            await eventually(all_others_are_back)
            assert not (await granted(limiter, moving)).shared

    with ValkeyCluster() as own:
        asyncio.run(run(own))


def test_a_server_that_left_the_cluster_is_not_looked_for(cluster: ValkeyCluster) -> None:
    """Whoever waits for it is told, as of one that is away; nothing goes on behind a store that is closed."""

    async def run() -> None:
        for waited in (0.0, 0.2):  # For a connection, and for an answer.
            made = Store(cluster.url, prefix=f"c{next(_numbers)}:", timeout_s=DEADLINE_S, breaker_open_s=0.1)
            server = made._first
            asking = asyncio.create_task(server.ask("BLPOP", "nothing", "2"))
            await asyncio.sleep(waited)
            await server.close()
            with contextlib.suppress(StoreUnavailable):
                await asking
            await made.close()
            assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())
