"""Calls of models that the cache makes of itself, above all the judge's: reserved, booked, counted, and timed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import cache, cached_property
from typing import Any

from ..config import Price, Team
from ..limits.limiter import Limiter, Refusal
from ..limits.pricing import INPUT_MARGIN, Spend, spend
from ..limits.tokens import count_text
from ..store import StoreUnavailable
from ..upstream.errors import UpstreamError
from ..upstream.provider import Provider
from .judge import Case, parse_verdict, request

log = logging.getLogger(__name__)

Count = Callable[[str, str, int], None]
"""Add to a team's figure of some name."""
Learn = Callable[[bool], Awaitable[None]]
FRAME_TOKENS = 24
"""What the provider counts besides the texts of two messages, generously."""
FAILURES, REST_S = 3, 30.0
"""After so many failures in a row the judge is left alone for a while: each wait in vain delays somebody's answer."""


class JudgeClient:
    """Asks for verdicts. Never raises: no verdict is None."""

    def __init__(
        self, upstream: Provider, limiter: Limiter, count: Count, *, model: str, prices: Mapping[str, Price]
    ) -> None:
        self._upstream, self._limiter, self._count = upstream, limiter, count
        self._model, self._prices = model, prices
        self._tasks: set[asyncio.Task[Any]] = set()
        self._failures, self._rests_until = 0, 0.0

    @property
    def resting(self) -> bool:
        """Whether the judge failed too often of late to be asked."""
        return time.monotonic() < self._rests_until

    def at_most(self, body: Mapping[str, Any]) -> Spend:
        """What a verdict may cost at most, in tokens and nano-USD."""
        instructions, data = (message["content"] for message in body["messages"])
        read = int((_instructions(instructions) + count_text(data)) * INPUT_MARGIN) + FRAME_TOKENS
        written, price = int(body["max_tokens"]), self._prices[self._model]
        return Spend(read + written, read * price.input + written * price.output)

    @cached_property
    def _frame(self) -> Spend:
        return self.at_most(request(Case("", "", "")))

    def about(self, tokens: int) -> int:
        """Nano-USD that a verdict on an answer of so many tokens costs, without counting what the judge would read."""
        return self._frame.nano_usd + tokens * self._prices[self._model].input

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Do something that nobody need wait for; `close` does."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def within(
        self, wait_s: float, team: Team, body: Mapping[str, Any], learn: Learn
    ) -> tuple[bool | None, Spend]:
        """The verdict and its cost, if it comes in time; one that comes late is learned from all the same.

        Args:
            wait_s: how long to wait, in seconds; 0: the caller only wants it learned.
            body: the request to the judging model.
            learn: told each clear verdict.
        """
        asking = self.start(self.ask(team, body, learn))
        await asyncio.wait({asking}, timeout=wait_s)
        if asking.done():
            verdict, cost = asking.result()
            return verdict, cost
        self._note(failed=wait_s > 0)
        return None, Spend()

    async def ask(
        self, team: Team, body: Mapping[str, Any], learn: Learn | None = None, *, name: str = "judge"
    ) -> tuple[bool | None, Spend]:
        """The verdict and its cost, however long it takes. `name` begins the figures' names."""
        began = time.monotonic()
        answer, cost = await self.call(team, self._model, body, self.at_most(body), name=name)
        if answer is None:
            return None, cost
        verdict = parse_verdict(answer)
        self._note(failed=verdict is None)
        said = {True: "yes", False: "no", None: "unclear"}[verdict]
        took_ms = int((time.monotonic() - began) * 1000)
        for what, value in (("calls", 1), (said, 1), ("ms", took_ms)):
            self._count(team.name, f"{name}_{what}", value)
        if verdict is not None and learn is not None:
            try:
                await learn(verdict)
            except StoreUnavailable:
                log.info("a verdict was not remembered: Redis is away")
        return verdict, cost

    async def call(
        self, team: Team, model: str, body: Mapping[str, Any], most: Spend, *, name: str
    ) -> tuple[Mapping[str, Any] | None, Spend]:
        """A model's answer and its cost: empty if the call failed, None for a team without room for it in its limits.

        It is booked here and not by the request it is made for, which may be over by the time it comes.

        Args:
            most: what the call may cost.
            name: begins the names of the figures that count it.
        """
        reservation = await self._limiter.reserve(team, tokens=most.tokens, nano_usd=most.nano_usd, requests=0)
        if isinstance(reservation, Refusal):
            self._count(team.name, f"{name}_limited", 1)
            return None, Spend()
        cost = most
        try:
            answer = await self._upstream.complete(model, body)
            cost = spend(self._prices[model], answer.get("usage") or {})
            return answer, cost
        except Exception as error:  # Somebody else's code and network: whatever fails is no answer.
            log.warning("a call for the cache failed: %s", type(error).__name__)
            if isinstance(error, UpstreamError) and not error.unsettled:
                cost = Spend()
            return {}, cost
        finally:
            await self._limiter.settle(reservation, tokens=cost.tokens, nano_usd=cost.nano_usd)
            self._count(team.name, "spent_nano_usd", cost.nano_usd)
            self._count(team.name, f"{name}_nano_usd", cost.nano_usd)

    async def close(self) -> None:
        """Wait for all that was started; each is bounded by the provider's timeout."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _note(self, *, failed: bool) -> None:
        self._failures = self._failures + 1 if failed else 0
        if self._failures >= FAILURES:
            self._failures, self._rests_until = 0, time.monotonic() + REST_S


_instructions = cache(count_text)  # There are two of them, and counting one takes longer than looking up an answer.
