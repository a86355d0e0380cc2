"""The queue of traces: bounded in number and in bytes, and nothing in it is forgotten or counted twice."""

from __future__ import annotations

import threading

from llm_gateway.tracing.queue import Counts, TraceQueue


def test_what_comes_after_the_last_that_fits_is_lost_and_the_oldest_stay() -> None:
    queue: TraceQueue[int] = TraceQueue(3, 1000)
    assert [queue.put(number, 1) for number in range(5)] == [True, True, True, False, False]
    assert queue.take(10, 1000) == [0, 1, 2]
    assert queue.counts() == Counts(sent=0, lost=2, waiting=3, waiting_bytes=3)


def test_bytes_bound_it_as_well_as_numbers() -> None:
    queue: TraceQueue[str] = TraceQueue(100, 10)
    assert [queue.put(text, len(text)) for text in ("aaaa", "bbbb", "cccc", "dd")] == [True, True, False, True]
    assert queue.full()
    assert queue.counts() == Counts(sent=0, lost=1, waiting=3, waiting_bytes=10)


def test_a_batch_waits_until_it_is_delivered_and_is_taken_again_until_then() -> None:
    queue: TraceQueue[int] = TraceQueue(10, 1000)
    for number in range(5):
        queue.put(number, 7)
    assert queue.take(2, 1000) == [0, 1]
    assert queue.take(2, 1000) == [0, 1]
    assert queue.counts() == Counts(sent=0, lost=0, waiting=5, waiting_bytes=35)
    queue.delivered()
    assert queue.counts() == Counts(sent=2, lost=0, waiting=3, waiting_bytes=21)
    assert queue.take(2, 1000) == [2, 3]


def test_a_batch_that_failed_is_filled_up_before_the_next_try() -> None:
    queue: TraceQueue[int] = TraceQueue(10, 1000)
    queue.put(1, 1)
    assert queue.take(3, 1000) == [1]
    queue.put(2, 1)
    assert queue.take(3, 1000) == [1, 2]


def test_a_batch_holds_no_more_bytes_than_asked_for_and_always_something() -> None:
    queue: TraceQueue[str] = TraceQueue(10, 1000)
    for text in ("x" * 50, "aa", "bb"):
        queue.put(text, len(text))
    taken = []
    while batch := queue.take(10, 4):
        taken.append(batch)
        queue.delivered()
    assert taken == [["x" * 50], ["aa", "bb"]]


def test_the_figures_add_up_at_every_moment_while_two_threads_work() -> None:
    queue: TraceQueue[int] = TraceQueue(50, 10_000)
    made, wrong, over = 20_000, list[Counts](), threading.Event()

    def deliver() -> None:
        while not over.is_set() or len(queue):
            if queue.take(7, 1000):
                queue.delivered()

    def check() -> None:
        before = 0
        while not over.is_set():
            counts = queue.counts()
            sum_ = counts.sent + counts.lost + counts.waiting
            if not before <= sum_ <= made or counts.waiting > 50 or counts.waiting_bytes != 3 * counts.waiting:
                wrong.append(counts)
            before = sum_

    threads = [threading.Thread(target=work) for work in (deliver, check)]
    for thread in threads:
        thread.start()
    for number in range(made):
        queue.put(number, 3)
    over.set()
    for thread in threads:
        thread.join()
    assert not wrong
    counts = queue.counts()
    assert (counts.sent + counts.lost, counts.waiting, counts.waiting_bytes) == (made, 0, 0)
