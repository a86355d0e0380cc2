"""Gateways' semantic tiers on a real server, with embeddings, answers and verdicts made up."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
from llm_gateway.api.chat_answer import ChatAnswers
from llm_gateway.cache.embedding import Embedder, EmbeddingFailed, Vector
from llm_gateway.cache.entry_store import EntryStore
from llm_gateway.cache.exact import Hit
from llm_gateway.cache.keys import CacheKey, Partition, partition
from llm_gateway.cache.semantic_tier import Lookup, SemanticTier
from llm_gateway.config import GatewayConfig, parse
from llm_gateway.limits.limiter import Limiter
from llm_gateway.limits.pricing import Spend
from llm_gateway.limits.reservations import Refusal, Remaining, Reservation
from llm_gateway.outcome import Outcome
from llm_gateway.store import Store
from llm_gateway.upstream import provider as upstream
from llm_gateway.upstream.errors import UpstreamError

WAIT_S = 5.0
DIMENSIONS = 256
EMBEDDED, JUDGED = Spend(7, 70), {"prompt_tokens": 300, "completion_tokens": 1}
USAGE = {"prompt_tokens": 400, "completion_tokens": 200, "total_tokens": 600}


def config(*, prefix: str, shadow_rate: float = 0.0, **semantic: Any) -> GatewayConfig:
    """Teams a (waits), b (waits), late (background) and apart (waits, end users kept apart)."""
    team = {"rpm": 1000, "tpm": 10_000_000, "daily_usd": 100}
    teams = {name: {"key_env": f"KEY_{name}", **team} for name in ("a", "b", "late", "apart")}
    teams["late"]["semantic"] = "background"
    teams["apart"]["per_user"] = True
    price = {"input": 0.15, "output": 0.6}
    return parse(
        {
            "model_list": [{"model_name": name} for name in ("m", "j", "e")],
            "gateway": {
                "default_model": "m",
                "default_max_tokens": 100,
                "prices": {"m": price, "j": price, "e": {"input": 0.13}},
                "embedding": {"model": "e", "dimensions": DIMENSIONS},
                "redis": {"key_prefix": prefix},
                "cache": {
                    "bytes_per_team": 10_000_000,
                    "shadow_rate": shadow_rate,
                    "exact": {"ttl_s": 1000},
                    "semantic": {
                        "ttl_s": 1000, "candidate_from": 0.3, "judge_model": "j", "judge_timeout_s": 10, **semantic,
                    },
                },
                "callbacks": {},
                "teams": teams,
                "self_test_team": "a",
            },
        }
    )  # fmt: skip


def direction(text: str) -> Vector:
    """Texts that share words point the same way; a plain stand-in for a model."""
    total = np.zeros(DIMENSIONS, np.float32)
    for word in text.casefold().replace("?", "").split():
        seed = int.from_bytes(word.encode()[:7].ljust(8, b"\0"), "little")
        total += np.random.default_rng(seed).standard_normal(DIMENSIONS).astype(np.float32)
    return cast(Vector, total / np.float32(max(np.linalg.norm(total), 1e-6)))


@dataclass
class Provider:
    """The provider: embeds by words, says of every case what it is told to, answers afresh with `fresh`."""

    says: str = "yes"
    delay_s: float = 0
    fresh: str = "fresh"
    embeds: bool = True
    unsettled: bool = False
    embedded: list[str] = field(default_factory=list)
    cases: list[dict[str, str]] = field(default_factory=list)
    answered: int = 0
    told: int = 0

    async def embed(self, text: str) -> tuple[Vector, Spend]:
        self.embedded.append(text)
        if not self.embeds:
            raise EmbeddingFailed("no")
        return direction(text), EMBEDDED

    async def complete(self, model: str, body: dict[str, Any]) -> dict[str, Any]:
        if model != "j":
            self.answered += 1
            return answer(self.fresh)
        self.cases.append(json.loads(body["messages"][1]["content"]))
        await asyncio.sleep(self.delay_s)
        if self.says == "raise":
            raise UpstreamError(503, "away", unsettled=self.unsettled)
        self.told += 1
        return answer(self.says) | {"usage": JUDGED}


@dataclass
class Reservations:
    """A limiter that grants everything or nothing, and notes the tokens that are booked and were reserved."""

    full: bool = False
    booked: list[int] = field(default_factory=list)
    reserved: list[int] = field(default_factory=list)
    open: int = 0

    async def reserve(self, team: Any, *, tokens: int, nano_usd: int, requests: int) -> Reservation | Refusal:
        assert requests == 0, "a verdict or a check is no request of the client"
        if self.full:
            return Refusal("usd", 60.0, Remaining(0, 0, 0))
        self.open += 1
        return Reservation("g", team.name, tokens, nano_usd, Remaining(0, 0, 0), at=0)

    async def settle(self, reservation: Reservation, *, tokens: int, nano_usd: int) -> None:
        self.open -= 1
        self.reserved.append(reservation.tokens)
        self.booked.append(tokens)


def ask_part(question: str, *, team: str = "a", earlier: Sequence[tuple[str, str]] = (), **more: Any) -> Partition:
    said = [*earlier, ("user", question)]
    body = {"messages": [{"role": role, "content": text} for role, text in said], **more}
    found = partition(body, team=team, model="m", per_user=team == "apart")
    assert found is not None
    return found


def answer(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "1", "object": "chat.completion", "choices": [choice], "usage": USAGE}


def said(hit: Hit | None) -> str | None:
    return None if hit is None else hit.response["choices"][0]["message"]["content"]


@dataclass
class Gateway:
    """One gateway process' share of the semantic cache."""

    config: GatewayConfig
    store: Store
    entry_store: EntryStore
    tier: SemanticTier
    provider: Provider
    limiter: Reservations
    counts: Counter[tuple[str, str]]

    def outcome(self, part: Partition) -> Outcome:
        made = Outcome(self.config.teams[part.team])
        made.model = "m"
        return made

    async def put(self, question: str, text: str, *, exact: str = "x", **more: Any) -> str | None:
        part = ask_part(question, **more)
        return await self.tier.keep(
            part, None, answer(text), self.outcome(part), ttl_s=None, exact=CacheKey(part.team, exact)
        )

    async def look(self, question: str, **more: Any) -> Lookup:
        return (await self.looked(question, **more))[0]

    async def looked(self, question: str, **more: Any) -> tuple[Lookup, Outcome]:
        """Look up a question; what was noted of it."""
        part = ask_part(question, **more)
        outcome = self.outcome(part)
        return await self.tier.lookup(part, outcome), outcome

    async def teach(self, similarities: Iterable[float], *, right: int = 400, wrong: int = 0, team: str = "a") -> None:
        """Labels as verdicts would leave them."""
        for similarity in similarities:
            await self.tier.labels.add(team, similarity, "clear", right=right, wrong=wrong)


def gateways(
    url: str,
    prefix: str,
    check: Callable[..., Awaitable[None]],
    *,
    count: int = 1,
    budget: int = 10_000_000,
    shadow_rate: float = 0.0,
    timeout_s: float = 10,
    **semantic: Any,
) -> None:
    async def main() -> None:
        made: list[Gateway] = []
        settings = config(prefix=prefix, shadow_rate=shadow_rate, **semantic)
        settings = replace(settings, cache=replace(settings.cache, bytes_per_team=budget))
        assert settings.cache.semantic is not None
        for _ in range(count):
            store = Store(url, prefix=prefix, timeout_s=timeout_s, breaker_open_s=0.1)
            ttl = {"exact": 1000, "semantic": 1000, "verdict": 1000}
            entry_store = EntryStore(store, prefix=prefix, bytes_per_team=budget, ttl_s=ttl)  # type: ignore[arg-type]
            provider, limiter, counts = Provider(), Reservations(), Counter[tuple[str, str]]()

            def add(team: str, name: str, value: int, counts: Counter[tuple[str, str]] = counts) -> None:
                counts[team, name] += value

            tier = SemanticTier(
                settings,
                settings.cache.semantic,
                store=store,
                entry_store=entry_store,
                embedder=cast(Embedder, provider),
                upstream=cast(upstream.Provider, provider),
                limiter=cast(Limiter, limiter),
                count=add,
                keepable=ChatAnswers().keepable,
            )
            made.append(Gateway(settings, store, entry_store, tier, provider, limiter, counts))
        try:
            await check(*made)
        finally:
            for gateway in made:
                await gateway.tier.close()
                await gateway.store.close()

    asyncio.run(main())
