"""The types of the limiter's interface: team, reservation, refusal, remaining, usage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from .local_share import Limit


class Team(Protocol):
    """What must be known of a team: its name and its limits per window and per UTC day."""

    @property
    def name(self) -> str:
        """The team's name, part of its keys in Redis."""
        ...

    @property
    def rpm(self) -> int:
        """Requests per minute."""
        ...

    @property
    def tpm(self) -> int:
        """Tokens per minute, input and output together."""
        ...

    @property
    def daily_nano_usd(self) -> int:
        """Nano-USD per UTC day."""
        ...


@dataclass(frozen=True)
class Remaining:
    """What is left of each limit."""

    requests: int
    tokens: int
    nano_usd: int


@dataclass(frozen=True)
class Reservation:
    """Permission for one request, to be handed to `Limiter.settle` when its real use is known.

    `at` is the moment of admission, in microseconds of Redis's clock. `shared` is False if Redis was away. `cached` is
    the kept answer that made it free of charge; such a reservation is final.
    """

    id: str
    team: str
    tokens: int
    nano_usd: int
    remaining: Remaining
    at: int
    shared: bool = True
    cached: bytes | None = None


@dataclass(frozen=True)
class Refusal:
    """A request that was refused, and did not count.

    `retry_after_s` is when it will fit if nothing else comes in between (round up for a header). `too_large`: it
    alone is more than the whole limit, so no waiting helps.
    """

    limit: Limit
    retry_after_s: float
    remaining: Remaining
    too_large: bool = False


@dataclass(frozen=True)
class Usage:
    """Live figures of a team: use in the window and money today.

    `spent_nano_usd` includes `reserved_nano_usd`, the estimates of requests not settled yet. `days` is the money by
    UTC day (days since 1970), at most 40 days back. `shared` is False if Redis was away: then this gateway's own use.
    """

    team: str
    requests: int
    tokens: int
    spent_nano_usd: int
    reserved_nano_usd: int
    remaining: Remaining
    days: Mapping[int, int]
    shared: bool
