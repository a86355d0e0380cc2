"""Threads for looks and acts: as many as are needed at once, a few at most, and none that keeps the program alive."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from queue import SimpleQueue

WORKERS = 16


class Pool:
    """Runs functions that raise nothing, begun in the order given, on up to `size` threads."""

    def __init__(self, size: int = WORKERS) -> None:
        self.size = size
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0

    def submit(self, function: Callable[[], None]) -> None:
        """Run `function` as soon as a thread is free."""
        with self._lock:
            if self._threads < self.size:
                self._threads += 1
                threading.Thread(target=self._serve, daemon=True).start()
        self._work.put(function)

    def all(self, functions: Iterable[Callable[[], None]]) -> threading.Event:
        """Run all of them; the event is set when the last has ended."""
        todo, ended, left = list(functions), threading.Event(), threading.Lock()
        count = len(todo)
        if not todo:
            ended.set()

        def counted(function: Callable[[], None]) -> None:
            nonlocal count
            try:
                function()
            finally:
                with left:
                    count -= 1
                    if not count:
                        ended.set()

        for function in todo:
            self.submit(lambda function=function: counted(function))  # type: ignore[misc]
        return ended

    def close(self) -> None:
        """Let every thread end once its work is done."""
        with self._lock:
            for _ in range(self._threads):
                self._work.put(None)
            self._threads = 0

    def _serve(self) -> None:
        while (function := self._work.get()) is not None:
            function()
