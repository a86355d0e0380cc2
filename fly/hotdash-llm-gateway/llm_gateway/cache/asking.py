"""A yes-or-no question to the judging model: reserved, timed, counted and booked, whoever still waits for it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ..config import Price, Team
from ..limits.limiter import Limiter, Refusal
from ..limits.pricing import INPUT_MARGIN, Spend, spend
from ..limits.tokens import count_text
from ..store import StoreUnavailable
from ..upstream.errors import UpstreamError
from ..upstream.provider import Provider
from .judge import parse_verdict

log = logging.getLogger(__name__)

Count = Callable[[str, str, int], None]
"""Add to a team's figure of some name."""
Learn = Callable[[bool], Awaitable[None]]
FRAME_TOKENS = 24
"""What the provider counts besides the texts of two messages, generously."""
FAILURES, REST_S = 3, 30.0
"""After so many failures in a row the judge is left alone for a while: each wait in vain delays somebody's answer."""


class Asker:
    """Asks for verdicts. Never raises: no verdict is None."""

    def __init__(self, upstream: Provider, limiter: Limiter, count: Count, *, model: str, price: Price) -> None:
        self._upstream, self._limiter, self.count = upstream, limiter, count
        self._model, self._price = model, price
        self._asking: set[asyncio.Task[tuple[bool | None, Spend]]] = set()
        self._failures, self._rests_until = 0, 0.0

    @property
    def resting(self) -> bool:
        """Whether the judge failed too often of late to be asked."""
        return time.monotonic() < self._rests_until

    def at_most(self, body: Mapping[str, Any]) -> Spend:
        """What a verdict may cost."""
        read = int(sum(count_text(message["content"]) for message in body["messages"]) * INPUT_MARGIN) + FRAME_TOKENS
        written = int(body["max_tokens"])
        return Spend(read + written, read * self._price.input + written * self._price.output)

    async def within(
        self, wait_s: float, team: Team, body: Mapping[str, Any], learn: Learn
    ) -> tuple[bool | None, Spend]:
        """The verdict and its cost, if it comes in time; one that comes late is learned from all the same.

        Args:
            wait_s: how long to wait, in seconds; 0: the caller only wants it learned.
            body: the request to the judging model.
            learn: told each clear verdict.
        """
        asking = asyncio.create_task(self.ask(team, body, learn))
        self._asking.add(asking)
        asking.add_done_callback(self._asking.discard)
        await asyncio.wait({asking}, timeout=wait_s)
        if asking.done():
            return asking.result()
        self._note(failed=wait_s > 0)
        return None, Spend()

    async def ask(
        self, team: Team, body: Mapping[str, Any], learn: Learn | None = None, *, name: str = "judge"
    ) -> tuple[bool | None, Spend]:
        """The verdict and its cost, however long it takes; a team without room for it in its limits gets none.

        It is booked here and not by the request it is asked for, which may be over by the time it comes. `name` begins
        the figures' names.
        """
        most = self.at_most(body)
        grant = await self._limiter.reserve(team, tokens=most.tokens, nano_usd=most.nano_usd, requests=0)
        if isinstance(grant, Refusal):
            self.count(team.name, f"{name}_limited", 1)
            return None, Spend()
        cost, began = most, time.monotonic()
        try:
            answer = await self._upstream.complete(self._model, body)
            cost = spend(self._price, answer.get("usage") or {})
        except Exception as error:  # Somebody else's code and network: whatever fails is no verdict.
            log.warning("the cache's judge gave no verdict: %s", type(error).__name__)
            self._note(failed=True)
            if isinstance(error, UpstreamError) and not error.unsettled:
                cost = Spend()
            return None, cost
        finally:
            await self._limiter.settle(grant, tokens=cost.tokens, nano_usd=cost.nano_usd)
            self.count(team.name, "spent_nano_usd", cost.nano_usd)
            self.count(team.name, f"{name}_nano_usd", cost.nano_usd)
        verdict = parse_verdict(answer)
        self._note(failed=verdict is None)
        said = {True: "yes", False: "no", None: "unclear"}[verdict]
        took_ms = int((time.monotonic() - began) * 1000)
        for what, value in (("calls", 1), (said, 1), ("ms", took_ms)):
            self.count(team.name, f"{name}_{what}", value)
        if verdict is not None and learn is not None:
            try:
                await learn(verdict)
            except StoreUnavailable:
                log.info("a verdict was not remembered: Redis is away")
        return verdict, cost

    async def close(self) -> None:
        """Wait for verdicts that nobody waits for any more; each is bounded by the provider's timeout."""
        await asyncio.gather(*self._asking, return_exceptions=True)

    def _note(self, *, failed: bool) -> None:
        self._failures = self._failures + 1 if failed else 0
        if self._failures >= FAILURES:
            self._failures, self._rests_until = 0, time.monotonic() + REST_S
