"""Sends a day's traffic and keeps its own books: by what came back, not by what anybody counted."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.load.mix import ANSWERED, FAILED, LIMITED, REFUSED, Asked

CONCURRENT = 16
HITS = ("exact", "semantic", "alias")
NANO_PER_MILLIONTH = 1000
PROVIDER_FAILS = 500
"""What the provider answers where it is to fail; the gateway passes it on."""
ANSWERED_WITHIN_S = 60.0


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


@dataclass(frozen=True)
class Sent:
    """A request and what came back.

    Attributes:
        at: when it was sent, by the monotonic clock, in seconds.
        took_s: until its end.
        answer: None if there was none: then `lost` says why.
    """

    asked: Asked
    at: float
    took_s: float
    answer: httpx.Response | None
    lost: str = ""

    @property
    def outcome(self) -> str:
        """What became of it."""
        if self.answer is None:
            return FAILED
        status = self.answer.status_code
        return ANSWERED if status == 200 else LIMITED if status == 429 else REFUSED if status < 500 else FAILED

    @property
    def wrong(self) -> str:
        """How it did not end as it had to; empty if it did. A failure of ours is not the one asked of the provider."""
        if self.answer is None:
            return self.lost
        status, text = self.answer.status_code, self.answer.text
        if self.outcome != self.asked.outcome or (self.outcome == FAILED and status != PROVIDER_FAILS):
            return f"{status}, {self.outcome} instead of {self.asked.outcome}: {text[:120]}"
        return ""


async def send(
    base_url: str, keys: Mapping[str, str], day: Sequence[Asked], prices: Mapping[str, Mapping[str, float]]
) -> Books:
    """Send all of it, some at a time, each after the one it repeats.

    Args:
        keys: by team.
        prices: USD per million tokens, by model.
    """
    books = Books()
    await send_on(base_url, keys, day, lambda sent: _note(books, sent, prices))
    return books


async def send_on(
    base_url: str,
    keys: Mapping[str, str],
    day: Sequence[Asked],
    heard: Callable[[Sent], None],
    *,
    a_second: float = 0.0,
    host: str = "",
) -> None:
    """Send all of it, each after the one it repeats.

    Args:
        keys: by team.
        heard: told of each when it has ended.
        a_second: how many, at a steady rate whatever comes back; 0: some at a time, as fast as they are answered.
        host: the name that is asked for, where it is not the URL's.
    """
    gate = contextlib.nullcontext() if a_second else asyncio.Semaphore(CONCURRENT)
    done = {asked.number: asyncio.Event() for asked in day}
    limits = httpx.Limits(max_connections=None if a_second else CONCURRENT)
    async with (
        httpx.AsyncClient(base_url=base_url, timeout=ANSWERED_WITHIN_S, limits=limits) as client,
        asyncio.TaskGroup() as tasks,
    ):

        async def one(asked: Asked) -> None:
            try:
                if asked.after in done:
                    await done[asked.after].wait()
                async with gate:
                    heard(await _sent(client, asked, keys[asked.team], host))
            finally:
                done[asked.number].set()

        began = time.monotonic()
        for number, asked in enumerate(day):
            if a_second:
                await asyncio.sleep(max(0.0, began + number / a_second - time.monotonic()))
            tasks.create_task(one(asked))


async def _sent(client: httpx.AsyncClient, asked: Asked, key: str, host: str) -> Sent:
    # Each is somebody else to the brake on malformed requests, behind the edge and without it.
    address = f"10.{asked.number >> 16 & 255}.{asked.number >> 8 & 255}.{asked.number & 255}"
    headers = {"Authorization": f"Bearer {key}", "X-Gateway-Client": address, "Fly-Client-IP": address}
    if host:
        headers["Host"] = host
    began = time.monotonic()
    answer, lost = None, ""
    try:
        answer = await client.post(asked.path, json=asked.body, headers=headers)
    except httpx.TransportError as error:
        lost = f"{type(error).__name__} {error}".strip()
    return Sent(asked, began, time.monotonic() - began, answer, lost)


def _note(books: Books, sent: Sent, prices: Mapping[str, Mapping[str, float]]) -> None:
    asked, answer = sent.asked, sent.answer
    books.requests[asked.team, sent.outcome] += 1
    if sent.wrong:
        books.wrong.append(f"{asked.number} {asked.kind}: {sent.wrong}")
    if sent.outcome != ANSWERED or answer is None:
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
