"""Counting tokens offline."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from llm_gateway.limits.tokens import IMAGE_HIGH, IMAGE_LOW, LONG_TEXT, count_request, count_text, more_for_pictures


def count(content: Any, **fields: Any) -> int:
    return asyncio.run(count_request({"messages": [{"role": "user", "content": content}], **fields}))


def test_a_plain_message_is_counted_as_the_provider_does() -> None:
    # OpenAI's cookbook: 3 per message, 3 for the reply, the role and the content; "hello world" has 2 tokens.
    assert count("hello world") == 3 + 3 + 1 + 2


@pytest.mark.parametrize("content", [None, "", []])
def test_an_empty_message_costs_its_frame(content: Any) -> None:
    assert count(content) == 7


def test_pictures_tools_and_parts_count() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    small = {"type": "image_url", "image_url": {"url": "x", "detail": "low"}}
    text = {"type": "text", "text": "hello world"}
    assert count([text, picture]) == count("hello world") + IMAGE_HIGH
    assert count([text, small]) == count("hello world") + IMAGE_LOW
    assert count("hi", tools=[{"type": "function", "function": {"name": "look"}}]) > count("hi") + 5


def test_the_small_model_counts_more_for_a_picture() -> None:
    # OpenAI's page on pictures: gpt-4o-mini takes 2833 tokens and 5667 per tile, at most 8 tiles.
    large, small = ({"type": "image_url", "image_url": {"url": "x", "detail": detail}} for detail in ("high", "low"))
    body = {"messages": [{"role": "user", "content": [large, small, {"type": "text", "text": "hi"}]}]}
    assert more_for_pictures(body, "gpt-4o-mini") == 48_169 + 2_833 - IMAGE_HIGH - IMAGE_LOW
    assert more_for_pictures(body, "gpt-4o") == 0


def test_a_long_text_counts_about_the_same_in_pieces() -> None:
    text = "The quick brown fox jumps over the lazy dog. " * 3000
    pieces = count_text(text)
    assert pieces == pytest.approx(count_text(text[:LONG_TEXT]) * len(text) / LONG_TEXT, rel=0.01)


def test_a_hostile_text_does_not_hold_up_the_event_loop() -> None:
    async def longest_pause() -> float:
        counting = asyncio.create_task(count_request({"messages": [{"role": "user", "content": "a" * 500_000}]}))
        longest = 0.0
        while not counting.done():
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - before)
        return longest

    count_text("warm")
    assert asyncio.run(longest_pause()) < 0.5
