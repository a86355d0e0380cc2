"""Limits hold: requests, tokens and dollars over several gateways, through crashes, FLUSHALL, outages and restarts.

A state machine drives real limiters on a real Valkey. What it takes as given, because nobody alive can know better:
what only a dead gateway knew is lost with it, and a loss of Redis's data or an outage is noticed (heartbeat: 1 s)
before the next gateway starts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any
from unittest import mock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.gateway.valkey_server import ValkeyServer
from tests.properties.limits_model import DAY, NOON, SECOND, TEAM, WINDOW, Reservation, World

PICKS = st.integers(0, 99)
AMOUNTS = st.one_of(st.just(0), st.integers(0, 10), st.integers(0, 100))


class Limits(RuleBasedStateMachine):
    """Whatever happens in whatever order, no limit is passed and no budget is lost for longer than its window."""

    server: ValkeyServer
    alter: Callable[[str], str] = staticmethod(lambda source: source)
    world: World

    def __init__(self) -> None:
        super().__init__()
        self.clock = mock.patch.object(time, "monotonic_ns", self.now_ns)
        self.clock.start()
        self.retry = mock.patch("llm_gateway.limits.limiter.RETRY_S", 0.01)
        self.retry.start()

    def now_ns(self) -> int:
        return self.world.us * 1000 if hasattr(self, "world") else NOON * 1000

    def pick(self, number: int) -> int:
        return list(self.world.alive)[number % len(self.world.alive)]

    @initialize(gateways=st.integers(2, 3))
    def begin(self, gateways: int) -> None:
        self.world = World(self.server, gateways, type(self).alter)

    @rule(which=PICKS, tokens=AMOUNTS, nano_usd=AMOUNTS, times=st.integers(1, 7))
    def reserve(self, which: int, tokens: int, nano_usd: int, times: int) -> None:
        for _ in range(times):
            self.world.reserve(self.pick(which), tokens, nano_usd)

    @rule(which=PICKS, share=st.integers(0, 10))
    def settle(self, which: int, share: int) -> None:
        if self.world.book:
            entry = self.world.book[which % len(self.world.book)]
            self.world.settle(entry, entry.tokens * share // 10, entry.nano_usd * share // 10)

    @rule(us=st.one_of(st.integers(1, SECOND), st.integers(SECOND, WINDOW), st.integers(WINDOW, 2 * WINDOW)))
    def time_passes(self, us: int) -> None:
        self.world.advance(us)

    @rule(before=st.integers(0, WINDOW))
    def it_is_nearly_midnight(self, before: int) -> None:
        self.world.advance(DAY - self.world.us % DAY + DAY - before)

    @rule(which=PICKS)
    def a_gateway_is_killed_and_another_starts(self, which: int) -> None:
        self.world.kill(self.pick(which))
        self.world.start_gateway()

    @precondition(lambda self: self.world.up)
    @rule()
    def redis_loses_its_data(self) -> None:
        self.world.flush()

    @precondition(lambda self: self.world.up)
    @rule()
    def redis_goes_away(self) -> None:
        self.world.stop_redis()

    @precondition(lambda self: not self.world.up)
    @rule(empty=st.booleans())
    def redis_comes_back(self, empty: bool) -> None:
        self.world.start_redis(empty=empty)

    @precondition(lambda self: self.world.up)
    @rule()
    def redis_freezes(self) -> None:
        self.world.freeze()

    @precondition(lambda self: self.world.frozen_for())
    @rule(which=PICKS)
    def redis_answers_a_gateway_again(self, which: int) -> None:
        frozen = self.world.frozen_for()
        self.world.thaw(frozen[which % len(frozen)])

    @precondition(lambda self: self.world.up)
    @rule()
    def redis_counts_what_was_used_and_nothing_else(self) -> None:
        self.world.compare()

    def teardown(self) -> None:
        try:
            if hasattr(self, "world"):
                self.nothing_is_lost_for_longer_than_a_window()
        finally:
            if hasattr(self, "world"):
                self.world.close()
            self.clock.stop()
            self.retry.stop()

    def nothing_is_lost_for_longer_than_a_window(self) -> None:
        """After a window (and a guarded one, after an outage), the next day, the whole of each limit can be had."""
        if not self.world.up:
            self.world.start_redis(empty=False)
        self.world.thaw_all()
        self.world.advance(2 * DAY)
        self.world.everybody_hears()
        assert isinstance(self.world.reserve(self.pick(0), TEAM.tpm, TEAM.daily_nano_usd), Reservation)
        for _ in range(TEAM.rpm - 1):
            assert isinstance(self.world.reserve(self.pick(0), 0, 0), Reservation)


@pytest.fixture(scope="module")
def kept_server() -> Iterator[ValkeyServer]:
    """A Valkey that keeps its data when it is stopped."""
    with ValkeyServer(appendonly=True) as server:
        yield server


def machine(server: ValkeyServer, alter: Callable[[str], str] = lambda source: source) -> type[Limits]:
    members: dict[str, Any] = {"server": server, "alter": staticmethod(alter)}
    return type("Limits", (Limits,), members)


def test_no_limit_is_passed_and_no_budget_is_lost(kept_server: ValkeyServer) -> None:
    run_state_machine_as_test(machine(kept_server), settings=settings(stateful_step_count=20))


def a_busy_day(world: World) -> None:
    """A fixed run in which every part of the script matters."""
    process = next(iter(world.alive))
    for _ in range(TEAM.rpm + 2):
        world.reserve(process, 0, 0)
    world.advance(WINDOW * 2 // 3)
    world.reserve(process, 0, 0)
    world.advance(2 * WINDOW)
    assert isinstance(world.reserve(process, TEAM.tpm, TEAM.daily_nano_usd), Reservation)
    assert not isinstance(world.reserve(process, 1, 1), Reservation)
    world.settle(world.book[-1], 10, 10)
    world.compare()
    world.advance(WINDOW // 2)
    assert isinstance(world.reserve(process, 5, 5), Reservation)
    world.advance(WINDOW * 2 // 3)
    world.compare()


BROKEN = {
    "the window's end lets one more in": ("requests + want[1] > limit[1]", "requests + want[1] > limit[1] + 1"),
    "the window is too short": ("local cutoff = now - window", "local cutoff = now - window / 2"),
    "a correction leaves the tokens": ("redis.call('ZREM', tok, id .. ':' .. reserved_tokens)", ""),
    "dollars are not corrected": ("string.format('%.0f', nano - reserved_nano)", "0"),
}


@pytest.mark.parametrize("name", ["", *BROKEN])
def test_a_script_that_is_broken_is_noticed(
    kept_server: ValkeyServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    right, wrong = BROKEN.get(name, ("", ""))

    def alter(source: str) -> str:
        assert not name or source.count(right) == 1
        return source.replace(right, wrong) if name else source

    monkeypatch.setattr(time, "monotonic_ns", lambda: world.us * 1000 if world else NOON * 1000)
    world: World | None = None
    world = World(kept_server, 2, alter)
    try:
        with pytest.raises(AssertionError) if name else nullcontext():
            a_busy_day(world)
    finally:
        world.close()
