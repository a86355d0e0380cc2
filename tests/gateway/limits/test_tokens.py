"""Counting tokens offline."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from llm_gateway.api.chat_request import read
from llm_gateway.api.request import Offer
from llm_gateway.limits import tokens
from llm_gateway.limits.media import Document, Picture, Sound
from llm_gateway.limits.tokens import LONG_TEXT, InputSize, count_embedded, count_text

OFFER = Offer(("mini",), "mini", 100)


def count(content: Any, **fields: Any) -> int:
    return read({"messages": [{"role": "user", "content": content}], **fields}, OFFER).size.text


def test_a_plain_message_is_counted_as_the_provider_does() -> None:
    # OpenAI's cookbook: 3 per message, 3 for the reply, the role and the content; "hello world" has 2 tokens.
    assert count("hello world") == 3 + 3 + 1 + 2


@pytest.mark.parametrize("content", [None, "", []])
def test_an_empty_message_costs_its_frame(content: Any) -> None:
    assert count(content) == 7


def test_parts_and_tools_count() -> None:
    assert count([{"type": "text", "text": "hello world"}]) == count("hello world")
    assert count("hi", tools=[{"type": "function", "function": {"name": "look"}}]) > count("hi") + 5


def test_a_long_text_counts_about_the_same_in_pieces() -> None:
    text = "The quick brown fox jumps over the lazy dog. " * 3000
    pieces = count_text(text)
    assert pieces == pytest.approx(count_text(text[:LONG_TEXT]) * len(text) / LONG_TEXT, rel=0.01)


def test_embedding_models_have_an_encoding_of_their_own() -> None:
    text = "退货政策是什么？"
    assert count_embedded(text) > count_text(text)


def test_what_is_kept_at_the_provider_is_read_again() -> None:
    assert InputSize(5, earlier=100).tokens("gpt-4o", 128_000) == 105


def test_only_what_cannot_be_counted_here_may_be_billed_as_a_whole_context() -> None:
    """G10."""
    seen, unseen = InputSize(5, (Picture(1), Sound(2))), InputSize(5, (Document(1),))
    assert seen.billed_at_most("gpt-4o", 128_000) == seen.tokens("gpt-4o", 128_000) == 5 + 85 + 170 + 20
    assert unseen.billed_at_most("gpt-4o", 128_000) == 128_000
    assert unseen.tokens("gpt-4o", 128_000) < 5_000


def test_the_embedding_encoding_is_loaded_once_and_off_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded_in = []

    def load(name: str) -> str:
        loaded_in.append(threading.current_thread())
        return name

    tokens.embedding_encoding.cache_clear()
    monkeypatch.setattr(tokens, "_bundled", load)
    try:
        asyncio.run(tokens.load_embedding_encoding())
        asyncio.run(tokens.load_embedding_encoding())
    finally:
        tokens.embedding_encoding.cache_clear()
    assert len(loaded_in) == 1
    assert loaded_in[0] is not threading.main_thread()
