"""Gateways' semantic tiers on a real server, with embeddings and verdicts made up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from llm_gateway.cache.aliases import Aliases
from llm_gateway.cache.exact import Hit
from llm_gateway.cache.index import Vector
from llm_gateway.cache.judge import Judge
from llm_gateway.cache.keys import Partition, partition
from llm_gateway.cache.ledger import Ledger
from llm_gateway.cache.mirror import Mirror
from llm_gateway.cache.semantic import Lookup, SemanticCache
from llm_gateway.cache.zones import Thresholds
from llm_gateway.store import Store

WAIT_S = 5.0


async def embed(text: str) -> Vector:
    """Texts that share words point the same way; a plain stand-in for a model."""
    total = np.zeros(256, np.float32)
    for word in text.casefold().replace("?", "").split():
        seed = int.from_bytes(word.encode()[:7].ljust(8, b"\0"), "little")
        total += np.random.default_rng(seed).standard_normal(256).astype(np.float32)
    return total


def ask_part(question: str, *, team: str = "a", earlier: Sequence[tuple[str, str]] = (), **more: Any) -> Partition:
    said = [*earlier, ("user", question)]
    body = {"messages": [{"role": role, "content": text} for role, text in said], **more}
    found = partition(body, team=team, model="m")
    assert found is not None
    return found


def answer(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": "1",
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    }


def said(hit: Hit | None) -> str | None:
    return None if hit is None else hit.response["choices"][0]["message"]["content"]


@dataclass
class Verdicts:
    """A judging model that says what it is told to and counts."""

    says: str = "yes"
    delay_s: float = 0
    asked: list[str] = field(default_factory=list)

    async def __call__(self, messages: list[dict[str, str]]) -> str:
        self.asked.append(messages[1]["content"])
        await asyncio.sleep(self.delay_s)
        if self.says == "raise":
            raise ConnectionError
        return self.says


@dataclass
class Gateway:
    """One gateway process' share of the semantic cache."""

    store: Store
    ledger: Ledger
    mirror: Mirror
    cache: SemanticCache
    judge: Judge

    async def put(self, question: str, text: str, **more: Any) -> str | None:
        part = ask_part(question, **more)
        return await self.cache.put(part, None, answer(text), embed=embed)

    async def look(self, question: str, verdicts: Verdicts | None = None, **more: Any) -> Lookup:
        return await self.cache.lookup(ask_part(question, **more), embed, verdicts)

    async def until(self, met: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not met():
                await asyncio.sleep(0.005)


def gateways(
    url: str,
    prefix: str,
    check: Callable[..., Awaitable[None]],
    *,
    count: int = 1,
    aliases: Sequence[Sequence[str]] = (),
    budget: int = 10_000_000,
    other_conversations: bool = True,
) -> None:
    async def main() -> None:
        made: list[Gateway] = []
        followers: list[asyncio.Task[None]] = []
        for _ in range(count):
            store = Store(url, prefix=prefix, timeout_s=2, breaker_open_s=0.1)
            ttl = {"exact": 1000, "semantic": 1000, "verdict": 1000}
            ledger = Ledger(store, prefix=prefix, bytes_per_team=budget, ttl_s=ttl)
            mirror = Mirror(url, prefix=prefix, teams=["a", "b"], ttl_s=1000, retry_s=0.05)
            judge = Judge(ledger, model="j", timeout_s=0.3, longest_conversation=2000)
            cache = SemanticCache(
                ledger,
                lambda mirror=mirror: mirror.index,
                judge,
                thresholds=Thresholds(serve_at=0.6, judge_at=0.3),
                aliases=Aliases(aliases),
                space="words:256",
                embed_timeout_s=0.3,
                other_conversations=other_conversations,
            )
            made.append(Gateway(store, ledger, mirror, cache, judge))
            followers.append(asyncio.create_task(mirror.run()))
            await asyncio.wait_for(mirror.synced.wait(), WAIT_S)
        try:
            await check(*made)
        finally:
            for follower in followers:
                follower.cancel()
            await asyncio.gather(*followers, return_exceptions=True)
            for gateway in made:
                await gateway.store.close()

    asyncio.run(main())
