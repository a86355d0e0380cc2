"""The protocol between one gateway and Redis about limits: reservations, corrections, reports after an outage.

A reservation is corrected when it is settled. What was admitted or spent while Redis was away, or is gone because
Redis lost its data, is reported: once each, however often a message is lost on the way.
"""

from __future__ import annotations

import itertools
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

from ..store import Script, Store
from .local_share import Admission, Limits, LocalShare, Totals
from .reservations import Remaining, Team

log = logging.getLogger(__name__)

MAX_CORRECTIONS = 20_000
"""Settlements kept while Redis is away; beyond it the oldest are dropped, that is, stay charged at their estimate."""
STRANGER = 4
"""The script's answer to a caller that remembers counters which Redis has lost."""

_SCRIPT = Script.load("limits/limits.lua")


class TeamState:
    """A team's limits, keys and local share in this process."""

    def __init__(self, team: Team, share: LocalShare, prefix: str) -> None:
        self.name = team.name
        self.limits = Limits(team.rpm, team.tpm, team.daily_nano_usd)
        self.share = share
        self.keys = [f"{prefix}limits:{{{team.name}}}:{part}" for part in ("req", "tok", "open", "done", "sum")]
        self.epoch = ""
        self.heard_at = 0
        self.away = False
        self.corrections: dict[str, list[str | int]] = {}
        self.sums: dict[str, tuple[int, int]] = {}

    def remaining(self, row: list[Any]) -> Remaining:
        """What Redis's answer says is left."""
        requests, tokens, nano_usd = row[4:7]
        return Remaining(
            max(0, self.limits.requests - requests),
            max(0, self.limits.tokens - tokens),
            max(0, self.limits.nano_usd - nano_usd),
        )


class Counters:
    """The shared counters of all teams, over `limits.lua`.

    Args:
        store: Redis.
        window_us: the window of requests and tokens.
        lost: called when Redis turns out to have lost its data.
    """

    def __init__(self, store: Store, *, window_us: int, lost: Callable[[], None]) -> None:
        self._store, self._window, self._lost = store, window_us, lost
        self._clock_offset = time.time_ns() // 1000 - time.monotonic_ns() // 1000
        # Unique over all processes and restarts; ids are counted from it.
        self._process = secrets.token_hex(6)
        self._numbers = itertools.count(1)

    async def ask(
        self, state: TeamState, operation: str, args: Sequence[str | int], *, entry: str | None = None
    ) -> list[Any]:
        """Run one operation of the script and learn from its answer; raises StoreUnavailable.

        Args:
            state: of the team.
            operation: its name in `limits.lua`.
            args: what the operation takes, in its order; times in microseconds, money in nano-USD.
            entry: a key that the operation may read besides the team's own.
        """
        keys = [*state.keys, entry] if entry else state.keys
        row: list[Any] = await self._store.script(_SCRIPT, keys, [operation, self._window, state.epoch, *args])
        self._clock_offset = row[2] - time.monotonic_ns() // 1000
        epoch = row[3].decode()
        if row[2] < state.heard_at:
            return row  # Overtaken on its way by a later answer: it says nothing about what is there now.
        state.heard_at = row[2]
        if state.epoch and epoch != state.epoch:
            log.warning("limits: Redis lost the counters of team %s; reporting what this gateway knows", state.name)
            state.share.report_all_again(self.now())
            state.sums.clear()  # They are part of what is reported again.
            self._loses(state)
        state.epoch = epoch
        return row

    def correct(self, state: TeamState, settled: Admission, *, take_back: bool = False) -> None:
        """Note what a reservation that Redis has must become; `send_correction` sends it."""
        used = (0, 0) if take_back else (settled.tokens, settled.nano_usd)
        reserved = (settled.reserved_tokens, settled.reserved_nano_usd)
        drop = settled.requests if take_back else 0
        state.corrections[settled.id] = [settled.id, *reserved, *used, settled.day, drop]
        if len(state.corrections) > MAX_CORRECTIONS:
            del state.corrections[next(iter(state.corrections))]

    def take_back(self, state: TeamState, wanted: Admission) -> None:
        """Note a reservation that is for nobody; Redis may have it or not."""
        self.correct(state, wanted, take_back=True)

    async def send_correction(self, state: TeamState, id_: str) -> None:
        """Send a correction if it still waits; raises StoreUnavailable."""
        if id_ in state.corrections:
            await self.ask(state, "settle", state.corrections[id_])
            state.corrections.pop(id_, None)

    async def record(self, state: TeamState, admission: Admission) -> None:
        """Tell Redis of an admission it did not decide; raises StoreUnavailable."""
        state.share.reporting(admission)
        settled = admission.settled
        used: list[str | int] = [admission.tokens, admission.nano_usd] if settled else ["", ""]
        age = max(0, self.now() - admission.at)
        reserved = [admission.requests, admission.reserved_tokens, admission.reserved_nano_usd]
        row = await self.ask(state, "record", [admission.id, *reserved, *used, age, admission.day])
        if row[0] == STRANGER or admission.unreported:
            # Redis lost its data before or just after: it stays to be reported.
            admission.unreported = True
            self._loses(state)
            return
        state.share.reported(admission)
        if admission.settled and not settled:
            self.correct(state, admission)

    async def report(self, state: TeamState) -> None:
        """Tell Redis everything it does not know, then go back to asking it; raises StoreUnavailable."""
        share = state.share
        while True:
            row = await self.ask(state, "totals", [])
            if not (share.unreported or share.unreported_spend or state.sums or state.corrections):
                break
            for admission in list(share.unreported.values()):
                await self.record(state, admission)
            while share.unreported_spend:
                day, nano_usd = share.unreported_spend.popitem()
                state.sums[self.new_id()] = (day, nano_usd)
            for id_, (day, nano_usd) in list(state.sums.items()):
                await self.ask(state, "record", [id_, 0, 0, nano_usd, 0, nano_usd, 0, day])
                state.sums.pop(id_, None)
            for id_ in list(state.corrections):
                await self.send_correction(state, id_)
        share.observe(Totals(row[2], *row[4:7]))
        share.redis_restored(row[2])
        state.away = False

    def _loses(self, state: TeamState) -> None:
        """A team whose counters are gone takes all others along, but not those that are back before it."""
        if not state.away:
            self._lost()

    def new_id(self) -> str:
        """A name for an admission that nothing else has."""
        return f"{self._process}{next(self._numbers):x}"

    def now(self) -> int:
        """Redis's clock in microseconds, as far as is known."""
        return time.monotonic_ns() // 1000 + self._clock_offset
