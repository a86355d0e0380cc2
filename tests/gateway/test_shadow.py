"""The estimate of wrong hits in production."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import pytest
from llm_gateway.cache.exact import Hit
from llm_gateway.cache.shadow import Shadow, wilson
from llm_gateway.store import Store

from tests.gateway.conftest import Valkey


def answer(text: str, finish: str = "stop") -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish}]}


def test_outcomes_are_counted_and_estimated(valkey: Valkey) -> None:
    async def main() -> None:
        store = Store(valkey.url, prefix=valkey.prefix, timeout_s=2)
        shadow = Shadow(store, prefix=valkey.prefix, rate=1)
        hit = Hit("semantic", json.dumps(answer("30 days")).encode(), "semantic:x")

        async def says(text: str, word: str) -> str:
            async def ask(messages: list[dict[str, str]]) -> str:
                if word == "raise":
                    raise ConnectionError
                return word

            return await shadow.record("a", hit, "q", answer(text), ask)

        assert await says("30  days", "raise") == "agree"
        assert await says("thirty days", "yes") == "agree"
        assert await says("14 days", "No.") == "differ"
        assert await says("14 days", "raise") == "unknown"
        assert await says("14 days", "maybe") == "unknown"
        found = await shadow.estimate("a")
        assert (found.sampled, found.wrong) == (3, 1)
        assert found.low < found.rate < found.high
        assert (await shadow.estimate("b")).sampled == 0
        await store.close()

    asyncio.run(main())


def test_the_sample_has_about_the_rate_asked_for() -> None:
    store = Store("redis://127.0.0.1:1", prefix="x:", timeout_s=1)
    shadow = Shadow(store, prefix="x:", rate=0.1, random_source=random.Random(1))
    assert 70 < sum(shadow.chosen() for _ in range(1000)) < 130
    assert not any(Shadow(store, prefix="x:", rate=0).chosen() for _ in range(1000))


@pytest.mark.parametrize(("hits", "total", "low", "high"), [(0, 0, 0, 1), (0, 300, 0, 0.0126), (5, 10, 0.2366, 0.7634)])
def test_wilson_intervals_are_the_published_ones(hits: int, total: int, low: float, high: float) -> None:
    assert wilson(hits, total) == pytest.approx((low, high), abs=1e-3)
