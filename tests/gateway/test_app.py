"""How answers travel to clients that do not take them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, MutableMapping
from typing import Any

import pytest
from llm_gateway import app
from llm_gateway.api.reply import Reply


@pytest.mark.parametrize("how", ["takes everything", "leaves", "stalls"])
def test_a_streamed_answer_is_read_to_its_end_whatever_the_client_does(
    monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(app, "STALLED_S", 0.05)
    said, sent = list[bytes](), list[MutableMapping[str, Any]]()

    async def pieces() -> AsyncGenerator[bytes, None]:
        for number in range(5):
            piece = b"%d" % number
            said.append(piece)
            yield piece

    async def send(message: MutableMapping[str, Any]) -> None:
        if message.get("body") == b"1" and how == "stalls":
            await asyncio.Event().wait()
        if message.get("body") == b"1" and how == "leaves":
            raise ConnectionResetError
        sent.append(message)

    async def run() -> None:
        async with asyncio.timeout(5):
            await app._send(Reply(200, pieces()), send, body_wanted=True, body_read=True)

    asyncio.run(run())
    assert said == [b"0", b"1", b"2", b"3", b"4"]
    # After a stall nothing more is sent, and the answer is not ended as if it were whole.
    assert sent[-1]["body"] == (b"0" if how == "stalls" else b"")
