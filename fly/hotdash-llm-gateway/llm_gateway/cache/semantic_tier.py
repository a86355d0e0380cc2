"""The semantic tier: a question in other words, answered with what an earlier one of the same partition was told.

A lookup goes from cheap to dear: wordings already known to have an answer (one read), the nearest other wordings in
memory, exact vetoes, verdicts already given, what similarity alone has been shown to be good for, and at last the
judge. Whatever fails on the way is a miss.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..config import GatewayConfig, Semantic
from ..limits.limiter import Limiter
from ..limits.pricing import INPUT_MARGIN, Spend, spend
from ..outcome import Outcome
from ..settings import ConfigError
from ..store import Store, StoreUnavailable
from ..upstream.provider import Provider
from . import judge
from .acceptance import ASK_FROM, Labels
from .answers import Answers, Keepable
from .embedding import Embedder, EmbeddingFailed, Vector
from .entry_store import EntryStore
from .exact import Hit
from .index import Candidate, Wording
from .index_replica import IndexReplica
from .judge_client import Count, JudgeClient
from .keys import CacheKey, Partition
from .labels import LabelStore
from .shadow_sample import ShadowSample
from .vetoes import compare
from .wording import group_of

log = logging.getLogger(__name__)

NEAREST, CANDIDATES = 8, 4
"""Wordings looked at, of which several may have the same answer; and answers."""
VERDICTS = 2
"""Asked for one request at most."""
LONGEST_QUESTION_BYTES = 8000
"""Longer questions are left out of the tier: an embedding says little about the details of a long text."""


@dataclass(frozen=True)
class Lookup:
    """The question's embedding, for `keep`, if it was embedded; and the answer to serve, if there is one."""

    vector: Vector | None = None
    hit: Hit | None = None


class SemanticTier:
    """Looks up and keeps answers for a request, noting on its outcome what that cost. Never raises.

    While `on` says no, nothing is looked up and nothing kept.

    Args:
        keepable: whether an answer is whole and may be given again.

    Raises:
        ConfigError: the aliases are unusable; the only error, and only here.
    """

    def __init__(
        self,
        config: GatewayConfig,
        semantic: Semantic,
        *,
        store: Store,
        entry_store: EntryStore,
        embedder: Embedder,
        upstream: Provider,
        limiter: Limiter,
        count: Count,
        keepable: Keepable,
        on: Callable[[], bool] = lambda: True,
    ) -> None:
        self.on = on
        try:
            aliases = group_of(semantic.aliases)
        except ValueError as error:
            raise ConfigError(f"gateway.cache.semantic.aliases: {error}") from error
        prefix, space = config.redis.key_prefix, f"{config.embedding.model}/{config.embedding.dimensions}"
        verdicts = f"{space}/{semantic.judge_model}/{judge.PROMPT_VERSION}"
        self._settings, self._teams, self._prices = semantic, config.teams, config.prices
        self.max_wrong = semantic.max_wrong
        self._embedding_price = config.prices[config.embedding.model]
        self._embedder, self._count, self._keepable = embedder, count, keepable
        self.answers = Answers(entry_store, aliases, space=space)
        self._judge_client = JudgeClient(upstream, limiter, count, model=semantic.judge_model, prices=config.prices)
        self.replica = IndexReplica(store, prefix=prefix, teams=list(config.teams))
        self.labels = LabelStore(store, entry_store, prefix=prefix, space=verdicts)
        self.shadow_sample = ShadowSample(
            config, store=store, entries=entry_store, labels=self.labels, judge=self._judge_client, keepable=keepable
        )

    def at_most(self, part: Partition, input_tokens: int) -> Spend:
        """What embedding the question may cost, to be reserved with the answer. Verdicts are reserved one by one.

        Args:
            part: the request's partition.
            input_tokens: our own count of the whole request.
        """
        if not self.on() or not _fits(part):
            return Spend()
        read = int(input_tokens * INPUT_MARGIN) + 8
        return Spend(read, read * self._embedding_price.input)

    async def lookup(self, part: Partition, outcome: Outcome) -> Lookup:
        """Find an answer that may be served; what that cost is on the outcome, hit or miss."""
        if not self.on():
            return Lookup()
        self._count(part.team, "lookups", 1)
        vector = None
        try:
            hit = await self.answers.known(part)
            if hit is None:
                vector = await self._embed(part, outcome)
                hit = await self._nearest(part, vector, outcome) if vector is not None else None
            if hit is not None:
                outcome.similarity = hit.similarity
                self._count(part.team, f"served_{hit.served_by}", 1)
            return Lookup(vector, hit)
        except StoreUnavailable:
            return Lookup(vector)

    async def keep(
        self,
        part: Partition,
        vector: Vector | None,
        response: dict[str, Any],
        outcome: Outcome,
        *,
        ttl_s: int | None,
        exact: CacheKey,
    ) -> str | None:
        """Keep an answer for questions in other words; return the entry's id, None if it was not kept.

        Args:
            vector: of the question, if `lookup` has embedded it. ttl_s: a shorter life than the tier's, in seconds.
        """
        if not self.on():
            return None
        if vector is None and self._keepable(response):
            vector = await self._embed(part, outcome)
        if vector is None or not self._keepable(response):
            return None
        with contextlib.suppress(StoreUnavailable):
            return await self.answers.keep(part, vector, response, ttl_s=ttl_s, exact=exact)
        return None

    async def close(self) -> None:
        """Wait for verdicts and checks under way."""
        await self._judge_client.close()

    async def _nearest(self, part: Partition, vector: Vector, outcome: Outcome) -> Hit | None:
        index, labels = await self.replica.sync(part.team), await self.labels.of(part.team)
        found = index.nearest(self.answers.partition_id(part), vector, NEAREST)
        outcome.similarity = found[0][0] if found else None
        candidates, new = self._candidates(part, found), self.answers.wording_id(part)
        wordings = [candidate.wording for candidate in candidates]
        refusals = [self.labels.refusal(new, each.entry, each.stamp) for each in wordings]
        stored = await self.answers.read(part.team, wordings, refusals)
        asked = 0
        for candidate, kept in zip(candidates, stored, strict=True):
            if kept is None:
                index.remove(candidate.wording.id)  # Expired, evicted or replaced.
                continue
            question, body, refused = kept
            if refused:
                continue
            hit = Hit("semantic", body, f"semantic:{new}", candidate.similarity, "similarity")
            if not asked and self._alone(part, candidate, labels):
                await self.answers.join(part, vector, candidate, hit.served_by)
                return hit
            if asked == VERDICTS or self._judge_client.resting:
                continue
            case = judge.Case(question, hit.response["choices"][0]["message"]["content"], part.question, part.history)
            if case.readable() and self._pays(hit, outcome, labels):
                asked += 1
                if await self._judged(part, vector, judge.request(case), candidate, outcome):
                    return replace(hit, served_by="judge")
        return None

    def _candidates(self, part: Partition, found: Sequence[tuple[float, Wording]]) -> list[Candidate]:
        """The stored answers worth a look, nearest first; each once, by its nearest wording."""
        chosen: dict[tuple[str, str], Candidate] = {}
        for similarity, wording in found:
            answer = (wording.entry, wording.stamp)
            if similarity < self._settings.candidate_from or answer in chosen or len(chosen) == CANDIDATES:
                continue
            difference = compare(wording.question, part.question)
            if difference != "veto":
                clear = difference == "none" and not chosen
                chosen[answer] = Candidate(wording, similarity, "clear" if clear else "doubt")
        return list(chosen.values())

    def _alone(self, part: Partition, candidate: Candidate, labels: Labels) -> bool:
        """Whether similarity alone may decide: shown by labels to be right often enough, and not between two people."""
        if candidate.kind == "doubt" or candidate.wording.end_user != part.end_user:
            return False
        serve_from = labels.serve_from(self.max_wrong)
        return serve_from is not None and candidate.similarity >= serve_from

    def _pays(self, hit: Hit, outcome: Outcome, labels: Labels) -> bool:
        """Whether a verdict may save what it costs: enough of them are a yes, or the answer is dear."""
        yes = labels.yes_at_most(hit.similarity or 0.0)
        if yes >= ASK_FROM:
            return True
        usage = hit.response.get("usage") or {}
        saves = spend(self._prices[outcome.model or ""], usage).nano_usd
        return yes * saves >= self._judge_client.about(int(usage.get("completion_tokens") or 0))

    async def _judged(
        self, part: Partition, vector: Vector, about: dict[str, Any], candidate: Candidate, outcome: Outcome
    ) -> bool:
        """Whether the judge says yes within the time the team waits. A late verdict serves the next one who asks."""

        async def learn(yes: bool) -> None:
            await self.labels.add(part.team, candidate.similarity, candidate.kind, right=int(yes), wrong=int(not yes))
            if yes:
                await self.answers.join(part, vector, candidate, "judge")
            else:
                entry, stamp = candidate.wording.entry, candidate.wording.stamp
                await self.labels.refuse(part.team, self.answers.wording_id(part), entry, stamp)

        team = self._teams[part.team]
        wait_s = self._settings.judge_timeout_s if team.semantic == "wait" else 0.0
        verdict, cost = await self._judge_client.within(wait_s, team, about, learn)
        outcome.judged += cost
        return verdict is True

    async def _embed(self, part: Partition, outcome: Outcome) -> Vector | None:
        if not _fits(part):
            return None
        try:
            vector, cost = await self._embedder.embed(part.question)
        except EmbeddingFailed as failed:
            log.warning("no embedding for the cache: %s", failed)
            return None
        outcome.overhead += cost
        return vector


def _fits(part: Partition) -> bool:
    return len(part.question.encode("utf-8", "replace")) <= LONGEST_QUESTION_BYTES
