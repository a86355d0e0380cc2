"""Putting a yes-or-no question to the judging model: timed, counted and booked, whoever still waits for it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ..config import Price, Team
from ..limits.limiter import Limiter
from ..limits.pricing import Spend, spend
from ..store import StoreUnavailable
from ..upstream.provider import Provider
from .judge import parse_verdict

log = logging.getLogger(__name__)

Count = Callable[[str, str, int], None]
"""Add to a team's figure of some name."""
Learn = Callable[[bool], Awaitable[None]]
FAILURES, REST_S = 3, 30.0
"""After so many failures in a row the judge is left alone for a while: each wait in vain delays somebody's answer."""


class Asker:
    """Asks for verdicts. Never raises: no verdict is None."""

    def __init__(self, upstream: Provider, limiter: Limiter, count: Count, *, model: str, price: Price) -> None:
        self._upstream, self._limiter, self._count = upstream, limiter, count
        self._model, self.price = model, price
        self._late: set[asyncio.Task[None]] = set()
        self._failures, self._rests_until = 0, 0.0

    @property
    def resting(self) -> bool:
        """Whether the judge failed too often of late to be asked."""
        return time.monotonic() < self._rests_until

    async def within(
        self, wait_s: float, team: Team, body: Mapping[str, Any], learn: Learn
    ) -> tuple[bool | None, Spend]:
        """The verdict and its cost, if it comes in time; one that comes late is still booked and learned from.

        Args:
            wait_s: how long to wait, in seconds; 0: the caller only wants it learned.
            body: the request to the judging model.
            learn: told each clear verdict.
        """
        asking = asyncio.create_task(self.ask(team, body, learn))
        try:
            await asyncio.wait({asking}, timeout=wait_s)
        finally:
            if not asking.done():
                late = asyncio.create_task(self._book(asking, team))
                self._late.add(late)
                late.add_done_callback(self._late.discard)
        if asking.done():
            return asking.result()
        self._note(failed=wait_s > 0)
        return None, Spend()

    async def ask(
        self, team: Team, body: Mapping[str, Any], learn: Learn | None = None, *, name: str = "judge"
    ) -> tuple[bool | None, Spend]:
        """The verdict and its cost, however long it takes; the caller books it. `name` begins the figures' names."""
        began = time.monotonic()
        try:
            answer = await self._upstream.complete(self._model, body)
        except Exception as error:  # Somebody else's code and network: whatever fails is no verdict.
            log.warning("the cache's judge gave no verdict: %s", type(error).__name__)
            self._note(failed=True)
            return None, Spend()
        verdict, cost = parse_verdict(answer), spend(self.price, answer.get("usage") or {})
        self._note(failed=verdict is None)
        said = {True: "yes", False: "no", None: "unclear"}[verdict]
        took_ms = int((time.monotonic() - began) * 1000)
        for what, value in (("calls", 1), (said, 1), ("nano_usd", cost.nano_usd), ("ms", took_ms)):
            self._count(team.name, f"{name}_{what}", value)
        if verdict is not None and learn is not None:
            try:
                await learn(verdict)
            except StoreUnavailable:
                log.info("a verdict was not remembered: Redis is away")
        return verdict, cost

    async def close(self) -> None:
        """Wait until verdicts that came too late are booked; each is bounded by the provider's timeout."""
        await asyncio.gather(*self._late, return_exceptions=True)

    async def _book(self, asking: asyncio.Task[tuple[bool | None, Spend]], team: Team) -> None:
        _, cost = await asking
        await self._limiter.add(team, tokens=cost.tokens, nano_usd=cost.nano_usd)

    def _note(self, *, failed: bool) -> None:
        self._failures = self._failures + 1 if failed else 0
        if self._failures >= FAILURES:
            self._failures, self._rests_until = 0, time.monotonic() + REST_S
