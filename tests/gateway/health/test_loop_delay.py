"""The watchdog of the event loop sees what holds it, and tells the gateway's own doing from the machine's."""

from __future__ import annotations

import asyncio
import time

from llm_gateway.health.loop_delay import BOUNDS_S, LoopDelay


def over(watchdog: LoopDelay, bound: str) -> int:
    counts = dict(watchdog.cumulative())
    return counts["+Inf"] - counts[bound]


def test_work_on_the_loop_is_its_own_doing() -> None:
    async def main() -> LoopDelay:
        watchdog = LoopDelay()
        task = asyncio.create_task(watchdog.run())
        await asyncio.sleep(0.1)
        until = time.process_time() + 0.3
        while time.process_time() < until:
            pass
        await asyncio.sleep(0.1)
        task.cancel()
        return watchdog

    watchdog = asyncio.run(main())
    assert watchdog.longest_s > 0.2
    assert over(watchdog, "0.1") == 1


def test_a_delay_in_which_the_process_did_nothing_is_the_machines() -> None:
    watchdog = LoopDelay()
    watchdog.note(0.6, 0.001)
    assert watchdog.longest_s == 0.6
    assert over(watchdog, "0.01") == 0


def test_the_histogram_adds_up() -> None:
    watchdog = LoopDelay()
    for held_s in (0.001, *BOUNDS_S, 2.0):
        watchdog.note(held_s, held_s)
    assert [count for _, count in watchdog.cumulative()] == [2, 3, 4, 5, 6, 7, 8]
    assert [bound for bound, _ in watchdog.cumulative()] == ["0.01", "0.025", "0.05", "0.1", "0.25", "1.0", "+Inf"]
