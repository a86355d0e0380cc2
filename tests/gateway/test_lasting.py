"""Work in the background that fails for a reason of our own."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from llm_gateway import lasting as module
from llm_gateway.lasting import lasting


def test_what_fails_is_told_without_its_words_and_begun_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    begun = 0

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun < 3:
            raise RuntimeError("what a client wrote")

    async def run() -> None:
        async with asyncio.timeout(10):
            await lasting(work)

    monkeypatch.setattr(module, "AGAIN_S", 0.001)
    asyncio.run(run())
    assert begun == 3
    assert [record.getMessage().partition(": ")[2].split()[:2] for record in caplog.records] == [
        ["RuntimeError", "at"]
    ] * 2
    assert "what a client wrote" not in caplog.text


def test_it_ends_when_it_is_cancelled() -> None:
    async def run() -> None:
        task = lasting(asyncio.Event().wait)  # type: ignore[arg-type]
        await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert task.cancelled()

    asyncio.run(run())
