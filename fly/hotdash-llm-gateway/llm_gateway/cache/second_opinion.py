"""The shadow sample: some semantic hits are also answered by the model, to estimate how many are wrong.

The caller has its cached answer by then. What the check costs is charged to the team like any request, and a
team without room in its limits is not checked. Exact hits are not sampled: they are the same request.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any

from ..api.request import Request
from ..config import GatewayConfig
from ..limits.limiter import Limiter, Refusal
from ..limits.pricing import Spend, at_most, spend
from ..outcome import Outcome
from ..upstream.errors import UpstreamError
from ..upstream.provider import Provider
from .exact import Hit
from .semantic_tier import JUDGE_INSTRUCTION_TOKENS
from .shadow import Shadow

log = logging.getLogger(__name__)


class SecondOpinion:
    """Runs the checks in the background."""

    def __init__(self, config: GatewayConfig, *, shadow: Shadow, limiter: Limiter, upstream: Provider) -> None:
        if config.cache.semantic is None:
            raise ValueError("the configuration has no semantic tier")
        self._config, self._shadow, self._limiter, self._upstream = config, shadow, limiter, upstream
        self._judge_model = config.cache.semantic.judge_model
        self._checks: set[asyncio.Task[None]] = set()

    def consider(self, outcome: Outcome, request: Request, hit: Hit, model: str) -> None:
        """Check this hit if the sample falls on it; returns at once."""
        if hit.tier == "semantic" and self._shadow.chosen():
            check = asyncio.create_task(self._check(outcome, request, hit, model))
            self._checks.add(check)
            check.add_done_callback(self._checks.discard)

    async def close(self) -> None:
        """Wait for the checks under way; each is bounded by the provider's timeout."""
        await asyncio.gather(*self._checks, return_exceptions=True)

    async def _check(self, outcome: Outcome, request: Request, hit: Hit, model: str) -> None:
        prices, judge = self._config.prices, self._judge_model
        most = at_most(
            prices[model],
            model=model,
            size=replace(request.size, text=request.size.text + JUDGE_INSTRUCTION_TOKENS),
            output_tokens=3 * request.output_tokens,
        )
        grant = await self._limiter.reserve(outcome.team, tokens=most.tokens, nano_usd=most.nano_usd, requests=0)
        if isinstance(grant, Refusal):
            return
        paid = Spend()

        async def ask(messages: list[dict[str, str]]) -> str:
            nonlocal paid
            body: dict[str, Any] = {"messages": messages, "max_tokens": 1, "temperature": 0}
            verdict = await self._upstream.complete(judge, body)
            paid += spend(prices[judge], verdict.get("usage") or {})
            return str(verdict["choices"][0]["message"].get("content") or "")

        try:
            fresh = await self._upstream.complete(model, request.body)
            paid += spend(prices[model], fresh.get("usage") or {})
            question = str(request.body["messages"][-1].get("content"))
            found = await self._shadow.record(outcome.team.name, hit, question, fresh, ask)
            if found == "differ":
                log.warning("shadow check of request %s: %s differs from a fresh answer", outcome.id, hit.entry_id)
        except UpstreamError as error:
            log.info("shadow check: no fresh answer (%d)", error.status)
        finally:
            await self._limiter.settle(grant, tokens=paid.tokens, nano_usd=paid.nano_usd)
