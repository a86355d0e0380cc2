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
            body = app.Body(asyncio.Queue[MutableMapping[str, Any]]().get)
            body.ended = True
            await app._send(Reply(200, pieces()), send, body, body_wanted=True)

    asyncio.run(run())
    assert said == [b"0", b"1", b"2", b"3", b"4"]
    # After a stall nothing more is sent, and the answer is not ended as if it were whole.
    assert sent[-1]["body"] == (b"0" if how == "stalls" else b"")


@pytest.mark.parametrize("stalled", [False, True])
def test_a_long_answer_that_nobody_reads_is_given_up(monkeypatch: pytest.MonkeyPatch, stalled: bool) -> None:
    """Else 128 such clients hold every place there is for as long as they like."""
    monkeypatch.setattr(app, "STALLED_S", 0.05)
    whole, sent = bytes(3 * app.PIECE), list[MutableMapping[str, Any]]()

    async def send(message: MutableMapping[str, Any]) -> None:
        if stalled and len(sent) == 2:
            await asyncio.Event().wait()
        sent.append(message)

    async def run() -> None:
        async with asyncio.timeout(5):
            body = app.Body(asyncio.Queue[MutableMapping[str, Any]]().get)
            body.ended = True
            await app._send(Reply(200, whole), send, body, body_wanted=True)

    asyncio.run(run())
    assert sent[-1]["more_body"] == stalled, "an answer that broke off must not look whole"
    assert sum(len(message.get("body", b"")) for message in sent) == (app.PIECE if stalled else len(whole))
