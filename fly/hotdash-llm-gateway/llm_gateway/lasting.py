"""Work that goes on as long as the gateway does. What fails for a reason of our own is told and begun again.

A task of asyncio's that fails says so to whoever waits for it, and nobody waits for these.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

AGAIN_S = 1.0
"""Seconds between a failure and the next beginning."""


def lasting(work: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
    """Begin `work` as a task that ends when it returns or is cancelled, and begins anew when it fails."""
    return asyncio.create_task(_until_through(work))


async def _until_through(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    while True:
        try:
            return await work()
        except Exception as error:
            log.error("work in the background failed for a reason of our own, and begins again: %s", described(error))
            await asyncio.sleep(AGAIN_S)


def described(error: BaseException) -> str:
    """An error for the log: its kind and where it came up. Its text may quote a request, so it stays out."""
    where = traceback.extract_tb(error.__traceback__)
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(where[-6:]))
    return f"{type(error).__name__} at {places}"
