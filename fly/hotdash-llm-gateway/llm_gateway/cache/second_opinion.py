"""The shadow sample: some semantic hits are also answered by the model, and what is found wrong is acted on.

The caller has its cached answer by then. What the check costs is charged to the team like any request, and a team
without room in its limits is not checked. All hits are checked until there are enough labels, then the share that the
stack names (0 turns checks off). Exact hits are not: they are the same request.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from ..config import GatewayConfig
from ..limits.limiter import Limiter, Refusal
from ..limits.pricing import Spend, at_most, spend
from ..limits.tokens import InputSize
from ..outcome import Outcome
from ..store import Store, StoreUnavailable
from ..upstream.errors import UpstreamError
from ..upstream.provider import Provider
from .acceptance import ENOUGH, wilson
from .answers import Keepable
from .asking import Asker
from .exact import Hit
from .judge import comparison
from .labels import LabelStore
from .ledger import Ledger
from .purge import confirm, take_back

log = logging.getLogger(__name__)

Finding = Literal["agree", "differ", "unknown"]
MOST_REMEMBERED = 10_000


@dataclass(frozen=True)
class Estimate:
    """The share of wrong answers among checked hits, with its 95% Wilson interval."""

    sampled: int
    wrong: int
    rate: float
    low: float
    high: float


class Asked(Protocol):
    """What a check needs to know of the request: its parameters for the provider, and what it may take."""

    @property
    def body(self) -> Mapping[str, Any]: ...
    @property
    def size(self) -> InputSize: ...
    @property
    def output_tokens(self) -> int: ...


class SecondOpinion:
    """Runs the checks in the background."""

    def __init__(
        self,
        config: GatewayConfig,
        *,
        store: Store,
        ledger: Ledger,
        labels: LabelStore,
        asker: Asker,
        limiter: Limiter,
        upstream: Provider,
        keepable: Keepable,
        random_source: random.Random | None = None,
    ) -> None:
        self._prices, self._rate, self._prefix = config.prices, config.cache.shadow_rate, config.redis.key_prefix
        self._store, self._ledger, self._labels = store, ledger, labels
        self._asker, self._limiter, self._upstream = asker, limiter, upstream
        self._keepable = keepable
        self._random = random_source or random.SystemRandom()
        self._checks: set[asyncio.Task[None]] = set()
        self._checked: set[str | None] = set()

    def consider(self, outcome: Outcome, request: Asked, hit: Hit, model: str) -> None:
        """Check this hit if the sample falls on it; returns at once."""
        if self._rate > 0 and hit.how != "same" and hit.entry_id not in self._checked:
            check = asyncio.create_task(self._sampled(outcome, request, hit, model))
            self._checks.add(check)
            check.add_done_callback(self._checks.discard)

    async def close(self) -> None:
        """Wait for the checks under way; each is bounded by the provider's timeout."""
        await asyncio.gather(*self._checks, return_exceptions=True)

    async def estimate(self, team: str) -> Estimate:
        """What the checks so far say. Raises StoreUnavailable."""
        agree, differ = (int(n or 0) for n in await self._store.call("HMGET", self._key(team), "agree", "differ"))
        low, high = wilson(differ, agree + differ)
        return Estimate(agree + differ, differ, differ / max(1, agree + differ), low, high)

    async def _sampled(self, outcome: Outcome, request: Asked, hit: Hit, model: str) -> None:
        team = outcome.team.name
        try:
            labels = await self._labels.of(team)
            if len(labels) >= ENOUGH and self._random.random() >= self._rate:
                return
            if len(self._checked) >= MOST_REMEMBERED:
                self._checked.clear()
            self._checked.add(hit.entry_id)
            found = await self._check(outcome, request, hit, model)
            if found is None:
                return
            await self._store.call("HINCRBY", self._key(team), found, 1)
            if found == "differ":
                log.warning("request %s: %s differs from a fresh answer and is taken back", outcome.id, hit.entry_id)
                await take_back(self._ledger, self._labels, team, hit.entry_id)
            elif found == "agree":
                await confirm(self._ledger, self._labels, team, hit.entry_id)
        except StoreUnavailable:
            log.info("a check of a hit was lost: Redis is away")

    async def _check(self, outcome: Outcome, request: Asked, hit: Hit, model: str) -> Finding | None:
        """Compare what was served with a fresh answer; None if there is none to be had."""
        most = at_most(
            self._prices[model],
            model=model,
            size=request.size,
            output_tokens=request.output_tokens,
        )
        grant = await self._limiter.reserve(outcome.team, tokens=most.tokens, nano_usd=most.nano_usd, requests=0)
        if isinstance(grant, Refusal):
            return None
        paid = Spend()
        try:
            fresh = await self._upstream.complete(model, request.body)
            paid += spend(self._prices[model], fresh.get("usage") or {})
            if not self._keepable(fresh):
                return "unknown"
            served, again = (answer["choices"][0]["message"]["content"] for answer in (hit.response, fresh))
            if " ".join(served.split()) == " ".join(again.split()):
                return "agree"
            question = str(request.body["messages"][-1].get("content"))
            same, _ = await self._asker.ask(outcome.team, comparison(question, served, again), name="check")
            return {True: "agree", False: "differ", None: "unknown"}[same]  # type: ignore[return-value]
        except UpstreamError as error:
            log.info("a check of a hit had no fresh answer (%d)", error.status)
            return None
        finally:
            await self._limiter.settle(grant, tokens=paid.tokens, nano_usd=paid.nano_usd)
            for name in ("spent_nano_usd", "check_nano_usd"):
                self._asker.count(outcome.team.name, name, paid.nano_usd)

    def _key(self, team: str) -> str:
        return f"{self._prefix}shadow:{{{team}}}"
