"""How many requests of all teams a gateway has under way at a time. What comes beyond is refused at once.

Without a bound everybody waits for everybody: each event in httpx's pool looks at all of its connections, so the
processor's time per request grows with how many there are, and past the pool's size with how many wait. Of 2,000
requests at once none was answered within 90 s, and neither was a health check.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

MOST_UNDER_WAY = 128
"""More than the teams' limits let come by at the speed of a language model. Of a burst of 200 each took 7 ms of the
processor, of one of 256 some 40 ms."""
RETRY_S = (1, 5)
"""Seconds after which a client may try again, drawn anew for each, so that not all of them come back together."""


class Full(Exception):
    """There is no room. `retry_s`: in how many seconds there may be."""

    def __init__(self) -> None:
        super().__init__("too many requests are under way")
        self.retry_s = random.randint(*RETRY_S)  # noqa: S311  (nothing is to be kept secret)


class Capacity:
    """The places of one gateway.

    Args:
        most: how many there are.
    """

    def __init__(self, most: int = MOST_UNDER_WAY) -> None:
        self._most = most
        self.under_way = 0

    @property
    def full(self) -> bool:
        """Whether the next one would be refused."""
        return self.under_way >= self._most

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Take a place until the end of the block. Raises Full, at once."""
        if self.full:
            raise Full
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1
