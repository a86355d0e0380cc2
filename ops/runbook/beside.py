"""A question that is asked while something else goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Beside(Generic[T]):
    """Asks at once, in a thread of its own that keeps no program alive."""

    def __init__(self, question: Callable[[], T]) -> None:
        self._question = question
        self._found: T
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def _ask(self) -> None:
        try:
            self._found = self._question()
        except BaseException as error:  # An interrupt too is for whoever waits.
            self._error = error

    def answer(self) -> T:
        """The answer, waited for.

        Raises:
            BaseException: what the question raised.
        """
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._found
