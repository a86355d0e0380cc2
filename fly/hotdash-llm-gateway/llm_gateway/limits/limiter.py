"""Requests, tokens and dollars of each team, exact over any number of gateways on one Redis.

`limits.lua` decides and books in one round trip. Requests and tokens count in a sliding window of 60 s,
dollars in the UTC day, both by Redis's clock. A request is charged when it is admitted, at an estimate, and
corrected by `settle`; one that is never settled (its gateway was killed) stays charged at the estimate.

While Redis is away or full, each gateway decides by `local_share.LocalShare`, and a task in the background
tells Redis what was admitted as soon as it is back. No method here raises because of Redis.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Coroutine, Iterable
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from ..lasting import lasting
from ..store import Store, StoreUnavailable
from .counters import STRANGER, Counters, TeamState
from .local_share import DAY_US, Admission, Limit, LocalShare, Totals
from .reservations import Refusal, Remaining, Reservation, Team, Usage

__all__ = ["Limiter", "Refusal", "Remaining", "Reservation", "Team", "Usage"]

log = logging.getLogger(__name__)

T = TypeVar("T")

SECOND_US = 1_000_000
HEARTBEAT_S = 1.0
RETRY_S = 1.0
_LIMITS: tuple[Limit, ...] = ("requests", "tokens", "usd")


class Limiter:
    """The limits of all teams, as one gateway process enforces them.

    Args:
        store: Redis.
        gateways: how many gateways share the limits, for the share each enforces while Redis is away.
        window_s: the window of requests and tokens, in seconds; 60 except in tests and benchmarks.

    Raises:
        ValueError: `gateways` is less than 1.
    """

    def __init__(self, store: Store, *, gateways: int = 1, window_s: float = 60.0) -> None:
        if gateways < 1:
            raise ValueError("gateways must be at least 1")
        self._store = store
        self._gateways = gateways
        self._window = round(window_s * SECOND_US)
        self._teams: dict[str, TeamState] = {}
        self._counters = Counters(store, window_us=self._window, lost=self._redis_lost)
        self.decisions: Counter[tuple[str, str]] = Counter()
        """By team and decision: admitted, or the limit that was reached, or too_large for any wait to help."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._reconciling: asyncio.Task[None] | None = None
        self._background: list[asyncio.Task[None]] = []

    async def start(self, teams: Iterable[Team]) -> None:
        """Learn each team's totals, so that a loss of Redis finds this gateway informed. Needed once per process."""
        for team in teams:
            self._state(team)
        await self._refresh()
        if self._gateways > 1:
            listening = asyncio.Event()
            self._background = [
                lasting(self._heartbeat),
                lasting(partial(self._listen, listening)),
            ]
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(listening.wait(), self._store.timeout_s)

    async def close(self) -> None:
        """Finish what is being settled (bounded by the store's deadline) and stop the background tasks."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for task in (*self._background, self._reconciling):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def reserve(
        self, team: Team, *, tokens: int, nano_usd: int, requests: int = 1, free_if_exists: str | None = None
    ) -> Reservation | Refusal:
        """Admit a request at its estimated use, or refuse it; one round trip.

        Args:
            team: whose limits.
            tokens: the most tokens it may use.
            nano_usd: the most it may cost. With 0 tokens and 0 USD (an answer from the cache) the reservation is final.
            requests: 0 if the request has been counted already.
            free_if_exists: name of a key in Redis, with the team as hash tag: if it is there, the request is admitted
                at 0 tokens and 0 USD, and the reservation holds its value.
        """
        answer = await self._decide(team, tokens, nano_usd, requests, free_if_exists)
        if isinstance(answer, Reservation):
            self.decisions[team.name, "admitted" if answer.shared else "admitted_alone"] += 1
        else:
            self.decisions[team.name, "too_large" if answer.too_large else answer.limit] += 1
        return answer

    async def _decide(
        self, team: Team, tokens: int, nano_usd: int, requests: int, free_if_exists: str | None
    ) -> Reservation | Refusal:
        state = self._state(team)
        wanted = Admission(self._counters.new_id(), self._counters.now(), requests, tokens, nano_usd)
        asked = False
        if not state.away and self._store.available:
            guarded = state.share.guarded(wanted.at)
            cached = None
            if guarded:
                # What is decided here first has to be known to be free by then.
                cached, free_if_exists = await self._kept(free_if_exists), None
                if cached is not None:
                    wanted.free()
                refusal = self._admit_alone(state, wanted, asking=True)
                if refusal is not None:
                    return refusal
            answer = await self._reserve_shared(state, wanted, guarded, free_if_exists)
            if answer is not None:
                return replace(answer, cached=cached) if cached and isinstance(answer, Reservation) else answer
            if guarded:
                state.share.retract(wanted)
            asked = True
        if asked or not self._store.available:
            # Not because this team is still to be reported: Redis may be back, and other teams on it.
            self._redis_lost()
        wanted.unreported = True
        refusal = self._admit_alone(state, wanted)
        if refusal is None:
            remaining = self._left_alone(state)
            return Reservation(wanted.id, state.name, tokens, nano_usd, remaining, wanted.at, shared=False)
        if asked:
            # It may have been booked, and only the answer did not come.
            self._counters.take_back(state, wanted)
        return refusal

    async def settle(self, reservation: Reservation, *, tokens: int, nano_usd: int) -> None:
        """Replace a reservation by the tokens and nano-USD really used. Only the first settlement counts.

        Once started it runs to its end, even if the caller is cancelled. Never raises for a Redis that is away.
        """
        state = self._teams[reservation.team]
        admission = state.share.settle(reservation.id, tokens=tokens, nano_usd=nano_usd)
        if admission is None or admission.unreported or reservation.id in state.share.unreported:
            return
        self._counters.correct(state, admission)
        if not state.away:
            await asyncio.shield(self._spawn(self._tell(self._counters.send_correction(state, admission.id))))

    async def add(self, team: Team, *, tokens: int, nano_usd: int) -> None:
        """Charge tokens and nano-USD that were spent without a reservation (an embedding, a judge's verdict).

        Never refuses, and never raises for a Redis that is away.
        """
        state = self._state(team)
        spent = Admission(self._counters.new_id(), self._counters.now(), 0, tokens, nano_usd, unreported=True)
        state.share.admit(spent)
        state.share.settle(spent.id, tokens=tokens, nano_usd=nano_usd)
        if not self._store.available:
            self._redis_lost()
        elif not state.away:
            await asyncio.shield(self._spawn(self._tell(self._counters.record(state, spent))))

    def keys(self, team: Team) -> tuple[str, ...]:
        """The names of a team's keys in Redis."""
        return tuple(self._state(team).keys)

    async def usage(self, team: Team) -> Usage:
        """Live figures, shared if Redis is there, else this gateway's own."""
        state = self._state(team)
        try:
            row = await self._counters.ask(state, "usage", [])
        except StoreUnavailable:
            now = self._counters.now()
            requests, tokens, nano = state.share.own(now)
            left, reserved = self._left_alone(state), state.share.reserved_nano_usd
            return Usage(state.name, requests, tokens, nano, reserved, left, {now // DAY_US: nano}, shared=False)
        fields = dict(zip(row[7][::2], row[7][1::2], strict=True))
        days = {int(name): int(value) for name, value in fields.items() if name.isdigit()}
        reserved = sum(int(member.rpartition(b":")[2]) for member in row[8])
        return Usage(state.name, row[4], row[5], row[6], reserved, state.remaining(row), days, shared=True)

    async def forget(self, team: Team) -> None:
        """Drop a team that was only made up, here and in Redis. Raises StoreUnavailable."""
        state = self._teams.pop(team.name, None)
        if state is not None:
            await self._store.call("DEL", *state.keys)

    async def _kept(self, name: str | None) -> bytes | None:
        if name is None:
            return None
        try:
            value: bytes | None = await self._store.call("GET", name)
        except StoreUnavailable:
            return None
        return value

    async def _reserve_shared(
        self, state: TeamState, wanted: Admission, guarded: bool, free_if_exists: str | None
    ) -> Reservation | Refusal | None:
        """Redis's decision; None if there is none."""
        limits = state.limits
        want = (wanted.id, wanted.requests, wanted.tokens, wanted.nano_usd)
        most = (limits.requests, limits.tokens, limits.nano_usd)
        told = (*want, *most, int(self._gateways > 1))
        asking = self._spawn(self._counters.ask(state, "reserve", told, entry=free_if_exists))
        try:
            row = await asyncio.shield(asking)
        except StoreUnavailable:
            return None
        except asyncio.CancelledError:
            if guarded:
                state.share.retract(wanted)
            self._spawn(self._take_back_after(asking, state, wanted))
            raise
        code, wait, at = row[:3]
        if code == STRANGER:
            return None
        remaining = state.remaining(row)
        answer: Reservation | Refusal
        if code == 0:
            cached = row[7] if len(row) > 7 else None
            if cached is not None:
                wanted.free()
            answer = Reservation(wanted.id, state.name, wanted.tokens, wanted.nano_usd, remaining, at, cached=cached)
            if guarded:
                state.share.confirm(wanted)
            else:
                wanted.at = at
                state.share.admit(wanted)
        else:
            answer = self._refusal(_LIMITS[code - 1], None if wait < 0 else wait, at, remaining)
            if guarded:
                state.share.retract(wanted)
        state.share.observe(Totals(at, *row[4:7]))
        return answer

    def _admit_alone(self, state: TeamState, wanted: Admission, *, asking: bool = False) -> Refusal | None:
        limits, now = state.limits, wanted.at
        asked: tuple[tuple[Limit, int, int], ...] = (
            ("requests", wanted.requests, limits.requests),
            ("tokens", wanted.tokens, limits.tokens),
            ("usd", wanted.nano_usd, limits.nano_usd),
        )
        for limit, amount, most in asked:
            if amount > most:
                return self._refusal(limit, None, now, self._left_alone(state))
        blocked = state.share.blocked(
            now, limits, requests=wanted.requests, tokens=wanted.tokens, nano_usd=wanted.nano_usd
        )
        if blocked is not None:
            return self._refusal(blocked.limit, blocked.wait_us, now, self._left_alone(state))
        state.share.admit(wanted, asking=asking)
        return None

    def _refusal(self, limit: Limit, wait_us: int | None, now: int, remaining: Remaining) -> Refusal:
        if wait_us is not None:
            return Refusal(limit, wait_us / SECOND_US, remaining)
        longest = DAY_US - now % DAY_US if limit == "usd" else self._window
        return Refusal(limit, longest / SECOND_US, remaining, too_large=True)

    async def _take_back_after(self, asking: asyncio.Task[list[Any]], state: TeamState, wanted: Admission) -> None:
        """The caller went away while Redis was asked: whatever was booked is for nobody."""
        with contextlib.suppress(StoreUnavailable):
            if (await asking)[0] != 0:
                return
        self._counters.take_back(state, wanted)
        await self._tell(self._counters.send_correction(state, wanted.id))

    async def _tell(self, message: Awaitable[None]) -> None:
        try:
            await message
        except StoreUnavailable:
            self._redis_lost()

    def _redis_lost(self) -> None:
        now = self._counters.now()
        for state in self._teams.values():
            if not state.away:
                state.away = True
                state.share.redis_lost(now, state.limits)
        if self._reconciling is None or self._reconciling.done():
            self._reconciling = lasting(self._reconcile)

    async def _reconcile(self) -> None:
        while any(state.away for state in self._teams.values()):
            await self._store.wait_available()
            failed = ""
            for state in list(self._teams.values()):
                if state.away:
                    try:
                        await self._counters.report(state)
                    except StoreUnavailable as error:  # Of a cluster, another server may have the other teams.
                        failed = str(error)
            if failed:
                log.warning("limits: not yet back on Redis: %s", failed)
                await asyncio.sleep(RETRY_S)

    async def _refresh(self) -> None:
        try:
            # Teams come and go meanwhile, those of the self-test for instance.
            for state in list(self._teams.values()):
                if not state.away:
                    row = await self._counters.ask(state, "totals", [])
                    state.share.observe(Totals(row[2], *row[4:7]))
        except StoreUnavailable:
            self._redis_lost()

    async def _listen(self, listening: asyncio.Event) -> None:
        """Hear of the others' admissions as Redis makes them, so that its loss finds this gateway informed."""
        states = {state.keys[4].encode(): state for state in self._teams.values()}

        def heard(channel: bytes, message: bytes) -> None:
            states[channel].share.observe(Totals(*(int(figure) for figure in message.split())))

        channels = [channel.decode() for channel in states]
        while True:
            with contextlib.suppress(StoreUnavailable):
                await self._store.listen(channels, heard, begun=listening.set)
            await asyncio.sleep(RETRY_S)
            await self._store.wait_available()

    async def _heartbeat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            await self._refresh()

    def _state(self, team: Team) -> TeamState:
        state = self._teams.get(team.name)
        if state is None:
            share = LocalShare(gateways=self._gateways, window_us=self._window)
            state = self._teams[team.name] = TeamState(team, share, self._store.prefix)
        return state

    def _left_alone(self, state: TeamState) -> Remaining:
        return Remaining(*state.share.left(self._counters.now(), state.limits))

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
