"""Sends a day's traffic and keeps its own books: by what came back, not by what anybody counted."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.load.mix import ANSWERED, Asked

CONCURRENT = 16
HITS = ("exact", "semantic", "alias")
NANO_PER_MILLIONTH = 1000


@dataclass
class Books:
    """What the sender knows.

    Attributes:
        requests: by team and what became of them: answered, failed, malformed, limited.
        tiers: answers by team and the cache that the header names.
        models: answers by the model that the header names.
        spent_nano: by team: the usage of answers that no cache gave, at list price.
        saved_nano: by team and tier: the usage of those that one gave.
        wrong: what did not end as it had to.
    """

    requests: Counter[tuple[str, str]] = field(default_factory=Counter)
    tiers: Counter[tuple[str, str]] = field(default_factory=Counter)
    models: Counter[str] = field(default_factory=Counter)
    spent_nano: Counter[str] = field(default_factory=Counter)
    saved_nano: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


async def send(
    base_url: str, keys: Mapping[str, str], day: Sequence[Asked], prices: Mapping[str, Mapping[str, float]]
) -> Books:
    """Send all of it, some at a time, each after the one it repeats.

    Args:
        keys: by team.
        prices: USD per million tokens, by model.
    """
    books, gate = Books(), asyncio.Semaphore(CONCURRENT)
    done = {asked.number: asyncio.Event() for asked in day}
    limits = httpx.Limits(max_connections=CONCURRENT)
    async with httpx.AsyncClient(base_url=base_url, timeout=60, limits=limits) as client:

        async def one(asked: Asked) -> None:
            if asked.after is not None:
                await done[asked.after].wait()
            try:
                async with gate:
                    # Each is somebody else to the brake on malformed requests, as behind the edge.
                    headers = {
                        "Authorization": f"Bearer {keys[asked.team]}",
                        "X-Gateway-Client": f"{asked.number}",
                    }
                    answer = await client.post(asked.path, json=asked.body, headers=headers)
                _note(books, asked, answer, prices)
            finally:
                done[asked.number].set()

        await asyncio.gather(*(one(asked) for asked in day))
    return books


def _note(books: Books, asked: Asked, answer: httpx.Response, prices: Mapping[str, Mapping[str, float]]) -> None:
    status = answer.status_code
    outcome = ANSWERED if status == 200 else "limited" if status == 429 else "malformed" if status < 500 else "failed"
    books.requests[asked.team, outcome] += 1
    if outcome != asked.outcome:
        books.wrong.append(
            f"{asked.number} {asked.kind}: {status}, {outcome} instead of {asked.outcome}: {answer.text[:120]}"
        )
    if outcome != ANSWERED:
        return
    tier, model = answer.headers["x-gateway-cache"], answer.headers["x-gateway-model"]
    books.tiers[asked.team, tier] += 1
    books.models[model] += 1
    again = asked.kind in ("repeat", "embedding") and asked.after is not None
    if again != (tier == "exact"):
        books.wrong.append(f"{asked.number} {asked.kind}: from {tier}")
    usage = _usage(answer)
    price = prices[model]
    nano = round(NANO_PER_MILLIONTH * usage.get("prompt_tokens", 0) * price["input"])
    nano += round(NANO_PER_MILLIONTH * usage.get("completion_tokens", 0) * price["output"])
    if tier in HITS:
        books.saved_nano[asked.team, tier] += nano
    else:
        books.spent_nano[asked.team] += nano


def _usage(answer: httpx.Response) -> Mapping[str, Any]:
    if not answer.headers["content-type"].startswith("text/event-stream"):
        return dict(answer.json()["usage"])
    events = [line[6:] for line in answer.text.splitlines() if line.startswith("data: {")]
    return next(dict(said["usage"]) for each in reversed(events) if (said := json.loads(each)).get("usage"))
