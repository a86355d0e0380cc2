"""The semantic tier as a chat request uses it: with an embedder, a judging model, and a bill for both."""

from __future__ import annotations

import asyncio
from typing import Any

from ..config import GatewayConfig
from ..limits.limiter import Limiter
from ..limits.pricing import Spend, spend
from ..outcome import Outcome
from ..upstream.errors import UpstreamError
from ..upstream.provider import Provider
from .embedding import Embedder, Vector
from .keys import CacheKey, Partition
from .semantic import Lookup, SemanticCache

JUDGE_INSTRUCTION_TOKENS = 400
"""The judge's instructions and the wrapping of the two questions, generously."""


class SemanticTier:
    """Looks up and keeps answers for a request, noting on its outcome what that cost."""

    def __init__(
        self,
        config: GatewayConfig,
        *,
        cache: SemanticCache,
        embedder: Embedder,
        upstream: Provider,
        limiter: Limiter,
    ) -> None:
        if config.cache.semantic is None:
            raise ValueError("the configuration has no semantic tier")
        self._judge_model = config.cache.semantic.judge_model
        self._judge_price, self._embedding_price = (
            config.prices[self._judge_model],
            config.prices[config.embedding.model],
        )
        self._cache, self._embedder, self._upstream, self._limiter = cache, embedder, upstream, limiter
        self._late: set[asyncio.Task[None]] = set()

    def at_most(self, input_tokens: int) -> Spend:
        """What embedding and judging a request of this size may cost on top of its answer."""
        judged = JUDGE_INSTRUCTION_TOKENS + 2 * input_tokens
        nano_usd = input_tokens * self._embedding_price.input + judged * self._judge_price.input
        return Spend(input_tokens + judged, nano_usd + self._judge_price.output)

    async def lookup(self, room: Partition, outcome: Outcome) -> Lookup:
        """Find an answer that may be served; its cost is on the outcome, hit or miss."""

        async def judge(messages: list[dict[str, str]]) -> str:
            return await self._judge(messages, outcome)

        looked = await self._cache.lookup(room, self._embed_for(outcome), judge)
        outcome.similarity = looked.similarity
        return looked

    async def keep(
        self,
        room: Partition,
        vector: Vector | None,
        response: dict[str, Any],
        outcome: Outcome,
        *,
        ttl_s: int | None,
        exact: CacheKey,
    ) -> str | None:
        """Keep an answer for similar questions; return the entry's id."""
        return await self._cache.put(
            room, vector, response, embed=self._embed_for(outcome), ttl_s=ttl_s, exact_id=exact.digest
        )

    async def close(self) -> None:
        """Wait until verdicts that came too late are booked; each is bounded by the provider's timeout."""
        await asyncio.gather(*self._late, return_exceptions=True)

    def _embed_for(self, outcome: Outcome) -> Any:
        async def embed(text: str) -> Vector:
            vector, cost = await self._embedder.embed(text)
            outcome.overhead += cost
            return vector

        return embed

    async def _judge(self, messages: list[dict[str, str]], outcome: Outcome) -> str:
        """Ask the judging model. If the verdict comes too late to be of use it is still paid for, so still booked."""
        call = asyncio.create_task(
            self._upstream.complete(self._judge_model, {"messages": messages, "max_tokens": 1, "temperature": 0})
        )
        try:
            answer = await asyncio.shield(call)
        except asyncio.CancelledError:
            late = asyncio.create_task(self._book_late(call, outcome))
            self._late.add(late)
            late.add_done_callback(self._late.discard)
            raise
        outcome.overhead += spend(self._judge_price, answer.get("usage") or {})
        return str(answer["choices"][0]["message"].get("content") or "")

    async def _book_late(self, call: asyncio.Task[dict[str, Any]], outcome: Outcome) -> None:
        try:
            answer = await call
        except UpstreamError:
            return
        cost = spend(self._judge_price, answer.get("usage") or {})
        await self._limiter.add(outcome.team, tokens=cost.tokens, nano_usd=cost.nano_usd)
