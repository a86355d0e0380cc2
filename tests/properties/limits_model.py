"""A model of a team's limits, driven beside the real limiters: several gateways, a real Valkey, a driven clock."""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tests.gateway.valkey_server import ValkeyServer

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "fly" / "hotdash-llm-gateway"))

from llm_gateway.limits.limiter import Limiter, Refusal, Reservation
from llm_gateway.store import Script, Store, StoreUnavailable

SECOND = 1_000_000
WINDOW = 60 * SECOND
DAY = 86_400 * SECOND
CORRECTABLE = 70 * 60 * SECOND
"""A settlement later than 75 minutes changes nothing: none is tried near that."""
DEADLINE_S = 5.0
"""Of each call to Redis: a machine that is busy is no outage."""
TOLERANCE = 10_000
"""How far a gateway on its own may read Redis's clock wrong, in microseconds."""
NOON = 20_000 * DAY + DAY // 2
WALL_CLOCK = "local clock = redis.call('TIME')"

T = TypeVar("T")
_examples = itertools.count(1)


@dataclass(frozen=True)
class Team:
    """The limits that are modelled: small, so that they are reached."""

    name: str = "shop"
    rpm: int = 6
    tpm: int = 100
    daily_nano_usd: int = 400


TEAM = Team()


@dataclass
class Booked:
    """An admission as the clients know it."""

    reservation: Reservation
    process: int
    tokens: int
    nano_usd: int
    reported: bool
    settled: bool = False


class DrivenStore(Store):
    """Redis with the real scripts, whose clock is a key. While it is `frozen` no script is answered."""

    clock = ""
    frozen = False
    alter: Callable[[str], str] = staticmethod(lambda source: source)

    async def script(self, script: Script, keys: Sequence[str], args: Sequence[str | int | bytes]) -> Any:
        if self.frozen:
            raise StoreUnavailable("no answer in time")
        assert script.source.count(WALL_CLOCK) == 1
        driven = script.source.replace(WALL_CLOCK, f"local clock = {{0, redis.call('INCR', '{self.clock}')}}")
        return await super().script(Script(self.alter(driven)), keys, args)


class World:
    """Gateways, Redis, the clock, and the book of what was admitted.

    Args:
        server: to be stopped and started; it keeps its data over that.
        gateways: how many.
        alter: what is done to the scripts' source, to break it.
    """

    def __init__(self, server: ValkeyServer, gateways: int, alter: Callable[[str], str]) -> None:
        self.server, self.alter = server, alter
        self.prefix = f"m{next(_examples)}:"
        self.clock = f"{self.prefix}clock"
        self.us = NOON
        self.up = True
        self.first_back = 0
        """When the first gateway was answered by a Redis that had been frozen; 0 if no other one waits for that."""
        self.book: list[Booked] = []
        self.size = gateways
        self.alive: dict[int, tuple[Limiter, DrivenStore]] = {}
        self.started = 0
        self.loop = asyncio.new_event_loop()
        self.admin = server.client()
        self.admin.set(self.clock, self.us)
        for _ in range(gateways):
            self.start_gateway()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Let the gateways work until this is done."""
        return self.loop.run_until_complete(asyncio.wait_for(work, 20))

    def advance(self, us: int) -> None:
        """Time passes everywhere; not so much that one gateway is free again while another one is not yet back."""
        if self.first_back and self.us + us - self.first_back >= WINDOW:
            self.thaw_all()
        self.us += us
        if self.up:
            self.admin.incrby(self.clock, us)

    def start_gateway(self) -> None:
        """A new process, which knows nothing."""
        store = DrivenStore(self.server.url, prefix=self.prefix, timeout_s=DEADLINE_S, breaker_open_s=0.1)
        store.clock, store.alter = self.clock, self.alter
        limiter = Limiter(store, gateways=self.size)
        self.started += 1
        self.alive[self.started] = (limiter, store)
        if not self.up:
            store.timeout_s = 0.05  # it waits that long for a subscription
        self.run(limiter.start([TEAM]))
        store.timeout_s = DEADLINE_S

    def kill(self, process: int) -> None:
        """A process dies: nothing of it is settled or reported any more, and what only it knew is lost."""
        self.thaw_all()
        limiter, store = self.alive.pop(process)
        self.run(store.close())
        self.run(limiter.close())
        self.book = [entry for entry in self.book if entry.process != process or entry.reported]

    def freeze(self) -> None:
        """Redis answers nobody any more."""
        self.everybody_hears()
        for _, store in self.alive.values():
            store.frozen = True
        self.first_back = 0
        self.everybody_hears()

    def frozen_for(self) -> list[int]:
        """The gateways that a frozen Redis does not answer."""
        return [process for process, (_, store) in self.alive.items() if store.frozen]

    def thaw(self, process: int) -> None:
        """Redis answers a gateway again, which tells what it has done, and another one not yet."""
        self.alive[process][1].frozen = False
        self._reports(process)
        self.first_back = (self.first_back or self.us) if self.frozen_for() else 0

    def thaw_all(self) -> None:
        """Redis answers everybody again."""
        for process in self.frozen_for():
            self.thaw(process)

    def everybody_hears(self) -> None:
        """What the second's heartbeat brings: the totals, or that Redis is away."""
        for limiter, _ in self.alive.values():
            self.run(limiter.reserve(TEAM, tokens=0, nano_usd=TEAM.daily_nano_usd + 1))

    def everybody_reports(self) -> None:
        """Wait until all gateways are back on Redis."""
        for process in self.alive:
            self._reports(process)

    def _reports(self, process: int) -> None:
        async def back(limiter: Limiter) -> None:
            while True:
                answer = await limiter.reserve(TEAM, requests=0, tokens=0, nano_usd=0)
                if isinstance(answer, Reservation) and answer.shared:
                    return
                await asyncio.sleep(0.01)

        self.run(back(self.alive[process][0]))
        for entry in self.book:
            entry.reported |= entry.process == process

    def stop_redis(self) -> None:
        """Redis goes away; whoever admits alone from now on has heard of everything before."""
        self.thaw_all()
        self.everybody_hears()
        self.server.stop()
        self.up = False
        self.everybody_hears()

    def start_redis(self, *, empty: bool) -> None:
        """Redis comes back, with its data or without, and is told what it does not know."""
        self.server.start()
        self.up = True
        self.admin.set(self.clock, self.us)
        if empty:
            self._lose()
        self.everybody_hears()
        self.everybody_reports()

    def flush(self) -> None:
        """Redis loses its data while everybody works."""
        self.thaw_all()
        self.everybody_hears()
        self._lose()
        self.everybody_hears()
        self.everybody_reports()

    def _lose(self) -> None:
        self.us += 1
        with self.admin.pipeline(transaction=True) as both:
            both.flushall()
            both.set(self.clock, self.us)
            both.execute()
        self.book = [entry for entry in self.book if entry.process in self.alive]

    def reserve(self, process: int, tokens: int, nano_usd: int) -> Reservation | Refusal:
        """One request; if it is admitted, it must have fitted."""
        answer = self.run(self.alive[process][0].reserve(TEAM, tokens=tokens, nano_usd=nano_usd))
        if isinstance(answer, Reservation):
            self.book.append(Booked(answer, process, tokens, nano_usd, answer.shared))
            requests, used, spent = self.figures(answer.at, TOLERANCE)
            assert requests <= TEAM.rpm, f"{requests} requests in a minute"
            assert used <= TEAM.tpm, f"{used} tokens in a minute"
            assert spent <= TEAM.daily_nano_usd, f"{spent} nano-USD in a day"
        return answer

    def settle(self, entry: Booked, tokens: int, nano_usd: int) -> None:
        """A request is over and used this much."""
        if entry.settled or entry.process not in self.alive or self.us - entry.reservation.at > CORRECTABLE:
            return
        self.run(self.alive[entry.process][0].settle(entry.reservation, tokens=tokens, nano_usd=nano_usd))
        entry.tokens, entry.nano_usd, entry.settled = tokens, nano_usd, True

    def figures(self, now: int, tolerance: int = 0) -> tuple[int, int, int]:
        """Requests and tokens of the minute up to `now`, and nano-USD of its day."""
        window = [entry for entry in self.book if entry.reservation.at > now - WINDOW + tolerance]
        today = [entry for entry in self.book if entry.reservation.at // DAY == now // DAY]
        return len(window), sum(entry.tokens for entry in window), sum(entry.nano_usd for entry in today)

    def compare(self) -> None:
        """Redis counts what was used and nothing else; not asked at the very edge of somebody's minute."""
        self.thaw_all()
        if any(abs(entry.reservation.at + WINDOW - self.us) < TOLERANCE for entry in self.book):
            return
        usage = self.run(next(iter(self.alive.values()))[0].usage(TEAM))
        assert usage.shared
        assert (usage.requests, usage.tokens, usage.spent_nano_usd) == self.figures(self.us)

    def close(self) -> None:
        """End the gateways; Redis is left running and empty."""
        if not self.up:
            self.server.start()
        for process in list(self.alive):
            self.kill(process)
        self.admin.flushall()
        self.admin.close()
        self.loop.close()
