"""The state of an admitted request from its reservation to its settlement."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from ..cache.embedding import Vector
from ..cache.exact import Hit
from ..cache.keys import CacheKey, Partition
from ..cache.single_flight import Lead
from ..limits.limiter import Limiter, Reservation
from ..limits.pricing import Spend
from ..outcome import Outcome
from .request import Request


@dataclass
class AdmittedRequest:
    """An admitted request on its way to an answer.

    Attributes:
        request, outcome: what was asked for and what happened to it.
        reservation: what was set aside for it in the limits of its team.
        model: asked first.
        most: what an attempt may cost, by model.
        key: under which the exact tier keeps the answer; None if it may not.
        partition: in which the semantic tier looks for it; None if it may not.
        lead: identical requests wait for this one.
        vector: its question, if it was embedded.
        settled: its bill has been settled.
    """

    request: Request
    outcome: Outcome
    reservation: Reservation
    model: str
    most: dict[str, Spend]
    key: CacheKey | None
    partition: Partition | None
    lead: Lead[Hit | None] | None = None
    vector: Vector | None = None
    settled: bool = False

    def share(self, hit: Hit | None) -> None:
        """Give requests that wait for this one the answer, or None: each is on its own. Only the first call counts."""
        if self.lead is not None:
            self.lead.finish(hit)

    async def settle(self, limiter: Limiter) -> None:
        """Replace the reservation by what was really spent; only the first call does anything."""
        if self.settled:
            return
        self.settled = True
        self.share(None)
        due, left = self.outcome.billable, self.reservation.remaining
        self.outcome.remaining = replace(
            left,
            tokens=left.tokens + self.reservation.tokens - due.tokens,
            nano_usd=left.nano_usd + self.reservation.nano_usd - due.nano_usd,
        )
        await asyncio.shield(limiter.settle(self.reservation, tokens=due.tokens, nano_usd=due.nano_usd))
