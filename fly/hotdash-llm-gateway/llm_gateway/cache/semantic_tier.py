"""The semantic tier: a question in other words, answered with what an earlier one of the same partition was told.

A lookup goes from cheap to dear: wordings already known to have an answer (one read), the nearest other wordings in
memory, exact vetoes, verdicts already given, what similarity alone has been shown to be good for, and at last the
judge. Whatever fails on the way is a miss.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..config import GatewayConfig, Semantic
from ..limits.pricing import INPUT_MARGIN, Spend, spend
from ..outcome import Outcome
from ..store import StoreUnavailable
from . import judge
from .acceptance import Kind
from .answers import Answers, Keepable
from .asking import Asker, Count
from .embedding import Embedder, EmbeddingFailed, Vector
from .exact import Hit, How
from .index import Wording
from .keys import CacheKey, Partition
from .labels import LabelStore
from .mirror import Mirror
from .vetoes import compare

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


@dataclass(frozen=True)
class Candidate:
    """A stored answer that may be right: its wording nearest to the question, by which cosine, and of which kind."""

    wording: Wording
    similarity: float
    kind: Kind


class SemanticTier:
    """Looks up and keeps answers for a request, noting on its outcome what that cost. Never raises."""

    def __init__(
        self,
        config: GatewayConfig,
        semantic: Semantic,
        *,
        answers: Answers,
        mirror: Mirror,
        labels: LabelStore,
        embedder: Embedder,
        asker: Asker,
        count: Count,
        keepable: Keepable,
    ) -> None:
        self._settings, self._teams, self._prices = semantic, config.teams, config.prices
        self._embedding_price = config.prices[config.embedding.model]
        self._answers, self._mirror, self._labels = answers, mirror, labels
        self._embedder, self._asker, self._count = embedder, asker, count
        self._keepable = keepable

    def at_most(self, part: Partition, input_tokens: int) -> Spend:
        """What embedding the question may cost, to be reserved with the answer. Verdicts are reserved one by one.

        Args:
            part: the request's partition.
            input_tokens: our own count of the whole request.
        """
        if not _fits(part):
            return Spend()
        read = int(input_tokens * INPUT_MARGIN) + 8
        return Spend(read, read * self._embedding_price.input)

    async def lookup(self, part: Partition, outcome: Outcome) -> Lookup:
        """Find an answer that may be served; what that cost is on the outcome, hit or miss."""
        self._count(part.team, "lookups", 1)
        vector = None
        try:
            hit = await self._answers.known(part)
            if hit is None:
                vector = await self._embed(part, outcome)
                hit = await self._nearest(part, vector, outcome) if vector is not None else None
            if hit is not None:
                outcome.similarity = hit.similarity
                self._count(part.team, f"served_{hit.how}", 1)
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
        """Keep an answer for questions in other words.

        Args:
            part: in which partition.
            vector: of the question, if `lookup` has embedded it; else it is embedded now.
            response: a chat completion.
            outcome: of the request; takes what this costs.
            ttl_s: a shorter life than the tier's, in seconds; None for the tier's.
            exact: the key of the same answer in the exact tier.

        Returns:
            The entry's id; None if it was not kept.
        """
        if not self._keepable(response):
            return None
        if vector is None:
            vector = await self._embed(part, outcome)
        try:
            return (
                None if vector is None else await self._answers.keep(part, vector, response, ttl_s=ttl_s, exact=exact)
            )
        except StoreUnavailable:
            return None

    async def close(self) -> None:
        """Wait for verdicts under way."""
        await self._asker.close()

    async def _nearest(self, part: Partition, vector: Vector, outcome: Outcome) -> Hit | None:
        index = await self._mirror.sync(part.team)
        found = index.nearest(self._answers.room(part), vector, NEAREST)
        outcome.similarity = found[0][0] if found else None
        candidates, new = self._candidates(part, found), self._answers.wording_id(part)
        wordings = [candidate.wording for candidate in candidates]
        refusals = [self._labels.refusal(new, wording.entry, wording.stamp) for wording in wordings]
        asked = 0
        for candidate, stored in zip(candidates, await self._answers.read(part.team, wordings, refusals), strict=True):
            if stored is None:
                index.remove(candidate.wording.id)  # Expired, evicted or replaced.
                continue
            question, body, refused = stored
            if refused:
                continue
            if not asked and await self._alone(part, candidate):
                await self._join(part, vector, candidate, "similarity")
                return Hit("semantic", body, f"semantic:{new}", candidate.similarity, "similarity")
            answer = json.loads(body)
            case = judge.Case(question, answer["choices"][0]["message"]["content"], part.question, part.history)
            if asked == VERDICTS or not case.readable() or self._asker.resting:
                continue
            about, saves = judge.request(case), spend(self._prices[outcome.model or ""], answer.get("usage") or {})
            if await self._pays(part, about, candidate, saves):
                asked += 1
                if await self._judged(part, vector, about, candidate, outcome):
                    return Hit("semantic", body, f"semantic:{new}", candidate.similarity, "judge")
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
                kind: Kind = "clear" if difference == "none" and not chosen else "doubt"
                chosen[answer] = Candidate(wording, similarity, kind)
        return list(chosen.values())

    async def _alone(self, part: Partition, candidate: Candidate) -> bool:
        """Whether similarity alone may decide: shown by labels to be right often enough, and not between two people."""
        if candidate.kind == "doubt" or candidate.wording.end_user != part.end_user:
            return False
        serve_from = (await self._labels.of(part.team)).serve_from(self._settings.max_wrong)
        return serve_from is not None and candidate.similarity >= serve_from

    async def _pays(self, part: Partition, about: dict[str, Any], candidate: Candidate, saves: Spend) -> bool:
        """Whether a verdict may save what it costs."""
        break_even = self._asker.at_most(about).nano_usd / max(saves.nano_usd, 1)
        return (await self._labels.of(part.team)).worth_asking(candidate.similarity, break_even)

    async def _judged(
        self, part: Partition, vector: Vector, about: dict[str, Any], candidate: Candidate, outcome: Outcome
    ) -> bool:
        """Whether the judge says yes within the time the team waits. A late verdict serves the next one who asks."""

        async def learn(yes: bool) -> None:
            await self._labels.add(part.team, candidate.similarity, candidate.kind, right=int(yes), wrong=int(not yes))
            if yes:
                await self._join(part, vector, candidate, "judge")
            else:
                wording = candidate.wording
                await self._labels.refuse(part.team, self._answers.wording_id(part), wording.entry, wording.stamp)

        team = self._teams[part.team]
        wait_s = self._settings.judge_timeout_s if team.semantic == "wait" else 0.0
        verdict, cost = await self._asker.within(wait_s, team, about, learn)
        outcome.judged += cost
        return verdict is True

    async def _join(self, part: Partition, vector: Vector, candidate: Candidate, how: How) -> None:
        wording, similarity = candidate.wording, candidate.similarity
        await self._answers.join(part, vector, wording, similarity=similarity, kind=candidate.kind, how=how)

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
