"""Running work whose time grows with a body's size in a thread, so that it does not block the event loop.

Two threads do it, so that two long ones do not make a short one wait. More of them would get nothing done sooner, since
one at a time runs, and the loop would have to wait for its turn among all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

LARGE = 16 * 1024
"""Bytes from which on a thread is worth its 0.1 ms: reading takes a millisecond for each 50 kB or so."""


_THREADS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="offload")


async def offload(size: int, function: Callable[..., T], *arguments: object) -> T:
    """Call a function: at once if what it works on is small, else in a thread.

    Args:
        size: of what it works on, in bytes.
    """
    if size <= LARGE:
        return function(*arguments)
    return await asyncio.get_running_loop().run_in_executor(_THREADS, function, *arguments)
