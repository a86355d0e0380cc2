"""The shadow sample: some semantic hits are also answered by the model, and hits found wrong are removed.

The caller has its cached answer by then. What the check costs is charged to the team like any request, and a team
without room in its limits is not checked. All hits are checked until there are enough labels, then the share that the
stack names (0 turns checks off). Exact hits are not: they are the same request.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping
from typing import Any, Literal

from ..config import GatewayConfig
from ..limits.pricing import Spend
from ..outcome import Outcome
from ..store import Store, StoreUnavailable
from .acceptance import ENOUGH, wilson
from .answers import Keepable
from .entry_store import EntryStore
from .exact import Hit
from .judge import comparison
from .judge_client import JudgeClient
from .labels import LabelStore
from .purge import confirm, take_back

log = logging.getLogger(__name__)

Finding = Literal["agree", "differ", "unknown"]
MOST_REMEMBERED = 10_000


class ShadowSample:
    """Runs the checks in the background."""

    def __init__(
        self,
        config: GatewayConfig,
        *,
        store: Store,
        entries: EntryStore,
        labels: LabelStore,
        judge: JudgeClient,
        keepable: Keepable,
    ) -> None:
        self._rate, self._prefix = config.cache.shadow_rate, config.redis.key_prefix
        self._store, self._entries, self._labels = store, entries, labels
        self._judge, self._keepable = judge, keepable
        self._checked: set[str] = set()

    def consider(self, outcome: Outcome, hit: Hit, model: str, body: Mapping[str, Any], most: Spend) -> None:
        """Check this hit if the sample falls on it; returns at once.

        Args:
            body: the request, for the model.
            most: what an answer to it may cost.
        """
        if self._rate > 0 and hit.served_by != "same" and hit.entry_id not in self._checked:
            self._judge.start(self._sampled(outcome, hit, model, body, most))

    async def estimate(self, team: str) -> dict[str, float]:
        """The share of wrong answers among checked hits, with its 95% Wilson interval. Raises StoreUnavailable."""
        agree, differ = (int(n or 0) for n in await self._store.call("HMGET", self._key(team), "agree", "differ"))
        sampled, (low, high) = agree + differ, wilson(differ, agree + differ)
        return {"sampled": sampled, "wrong": differ, "rate": differ / max(1, sampled), "low": low, "high": high}

    async def _sampled(self, outcome: Outcome, hit: Hit, model: str, body: Mapping[str, Any], most: Spend) -> None:
        team = outcome.team.name
        try:
            if len(await self._labels.of(team)) >= ENOUGH and random.SystemRandom().random() >= self._rate:
                return
            if len(self._checked) >= MOST_REMEMBERED:
                self._checked.clear()
            self._checked.add(hit.entry_id)
            fresh, _ = await self._judge.call(outcome.team, model, body, most, name="check")
            found = await self._compared(outcome, hit, body, fresh) if fresh and self._keepable(fresh) else "unknown"
            await self._store.call("HINCRBY", self._key(team), found, 1)
            if found == "differ":
                log.warning("request %s: %s differs from a fresh answer and is taken back", outcome.id, hit.entry_id)
                await take_back(self._entries, self._labels, team, hit.entry_id)
            elif found == "agree":
                await confirm(self._entries, self._labels, team, hit.entry_id)
        except StoreUnavailable:
            log.info("a check of a hit was lost: Redis is away")

    async def _compared(self, outcome: Outcome, hit: Hit, body: Mapping[str, Any], fresh: Mapping[str, Any]) -> Finding:
        served, again = (answer["choices"][0]["message"]["content"] for answer in (hit.response, fresh))
        if " ".join(served.split()) == " ".join(again.split()):
            return "agree"
        question = str(body["messages"][-1].get("content"))
        same, _ = await self._judge.ask(outcome.team, comparison(question, served, again), name="check")
        return "unknown" if same is None else "agree" if same else "differ"

    def _key(self, team: str) -> str:
        return f"{self._prefix}shadow:{{{team}}}"
