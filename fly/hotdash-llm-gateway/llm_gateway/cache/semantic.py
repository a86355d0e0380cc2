"""The semantic tier: a differently worded question of the same team, person and setting.

A lookup goes from cheap to dear: reviewed aliases (one read), the nearest stored questions in memory, the guards,
and for what is left in doubt a remembered or fresh verdict. Whatever fails on the way is a miss.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..api.chat_answer import ChatAnswers
from ..store import StoreUnavailable
from .aliases import Aliases
from .exact import Hit, pack, unpack
from .index import Entry, Index, Vector, quantise
from .judge import Ask, Asked, Judge
from .keys import Partition, Turn, digest
from .leaks import leaks
from .ledger import Ledger
from .mirror import row_id
from .zones import Thresholds, decide

log = logging.getLogger(__name__)

Embed = Callable[[str], Awaitable[Vector]]
"""Turn a question into its embedding, any length."""

CANDIDATES = 5
LONGEST_QUESTION_BYTES = 8000
"""Longer questions are left out of the tier: an embedding says little about the details of a long text."""


@dataclass(frozen=True)
class Lookup:
    """What a lookup found.

    Attributes:
        hit: the answer to serve, if any.
        vector: the question's embedding, for `put`; None if the question was not embedded.
        similarity: cosine to the nearest stored question of the room, served or not.
        reasons: what kept the nearest question from being served.
    """

    hit: Hit | None = None
    vector: Vector | None = None
    similarity: float | None = None
    reasons: tuple[str, ...] = ()


class SemanticCache:
    """Answers to similar questions within one partition. Never raises.

    Args:
        ledger: the record in Redis.
        index: gives the current in-memory index (it is replaced when the mirror reads everything anew).
        judge: decides what the guards leave open; None: what is open is a miss.
        thresholds: for the embedding model in use.
        aliases: reviewed groups of equivalent questions, used where the question stands alone.
        space: names the embedding model and its dimensions; vectors of different spaces never meet.
        embed_timeout_s: time limit for the embedding.
        other_conversations: whether an answer given after other earlier turns may be served if the judge agrees.
    """

    def __init__(
        self,
        ledger: Ledger,
        index: Callable[[], Index],
        judge: Judge | None,
        *,
        thresholds: Thresholds,
        aliases: Aliases,
        space: str,
        embed_timeout_s: float,
        other_conversations: bool = True,
    ) -> None:
        self._ledger, self._index, self._judge = ledger, index, judge
        self._thresholds, self._aliases, self._space = thresholds, aliases, space
        self._embed_timeout_s, self._other_conversations = embed_timeout_s, other_conversations
        self.failures = 0

    def entry_id(self, part: Partition) -> str:
        """The id an answer to this question has; the questions of an alias group share one."""
        group = None if part.history else self._aliases.group(part.question)
        if group is not None:
            return digest("alias", self._room(part), group)
        return digest("question", self._room(part), part.history_key, part.question)

    async def lookup(self, part: Partition, embed: Embed, ask: Ask | None = None) -> Lookup:
        """Find an answer that may be served for this question.

        Args:
            part: the request's partition.
            embed: embeds the question; called at most once, and not at all if a reviewed alias answers.
            ask: puts a question to the judging model; None: nothing is judged.
        """
        try:
            if not part.history and self._aliases.group(part.question) is not None:
                hit = await self._fetch(part.team, self.entry_id(part), 1.0, "alias")
                if hit:
                    return Lookup(hit, similarity=1.0)
            vector = await self._embedded(part, embed)
            return await self._nearest(part, vector, ask) if vector is not None else Lookup()
        except StoreUnavailable:
            self.failures += 1
            return Lookup()

    async def put(
        self,
        part: Partition,
        vector: Vector | None,
        response: Mapping[str, Any],
        *,
        embed: Embed | None = None,
        ttl_s: int | None = None,
        exact_id: str | None = None,
    ) -> str | None:
        """Keep a complete answer.

        Args:
            vector: the embedding `lookup` returned; without one, `embed` makes it.
            ttl_s: a shorter life the client asked for.
            exact_id: digest of the same answer's entry in the exact tier, so that a purge finds both.

        Returns:
            The entry's id, or None if it was not kept.
        """
        if (
            not ChatAnswers().keepable(response)
            or len(part.question.encode("utf-8", "replace")) > LONGEST_QUESTION_BYTES
        ):
            return None
        if vector is None and embed is not None:
            vector = await self._embedded(part, embed)
        if vector is None:
            return None
        entry_id, room = self.entry_id(part), self._room(part)
        about: dict[str, Any] = {"exact": exact_id} if exact_id else {}
        if part.history:
            about["history"] = [[turn.role, turn.text] for turn in part.history]
        codes = quantise(vector).tobytes()
        question = part.question.encode("utf-8", "replace")
        row: dict[str, bytes | str] = {"p": room, "q": question, "v": codes}
        if part.history_key:
            row["h"] = part.history_key
        try:
            new = await self._ledger.keep(part.team, "semantic", entry_id, pack(about, response), ttl_s=ttl_s, row=row)
        except StoreUnavailable:
            self.failures += 1
            return None
        if new is None:
            return None
        # Other gateways learn of it from the log; this one need not wait for that.
        entry = Entry(entry_id, part.team, row_id(new), room, part.question, part.history_key)
        self._index().put([entry], [codes])
        return entry_id

    async def _nearest(self, part: Partition, vector: Vector, ask: Ask | None) -> Lookup:
        found = self._index().nearest(self._room(part), vector, CANDIDATES)
        best = found[0][0] if found else None
        doubtful: list[tuple[float, Entry]] = []
        reasons: tuple[str, ...] = ()
        for similarity, entry in found:
            same_history = entry.history_key == part.history_key
            if not same_history and not self._other_conversations:
                continue
            decision = decide(entry.question, part.question, similarity, self._thresholds, same_history=same_history)
            reasons = reasons or decision.reasons
            if decision.zone == "serve":
                hit = await self._fetch(part.team, entry.id, similarity, "guards")
                if hit:
                    return Lookup(hit, vector, best)
            elif decision.zone == "judge":
                doubtful.append((similarity, entry))
        if self._judge and ask and doubtful:
            # One verdict per request: the nearest question in doubt is the likeliest, and each one costs time.
            similarity, entry = doubtful[0]
            hit = await self._judged(part, entry, similarity, ask)
            if hit:
                return Lookup(hit, vector, best)
        return Lookup(None, vector, best, reasons)

    async def _judged(self, part: Partition, entry: Entry, similarity: float, ask: Ask) -> Hit | None:
        assert self._judge is not None
        value = await self._read(part.team, entry.id)
        if value is None:
            return None
        about, body = unpack(value)
        history = tuple(Turn(role, text) for role, text in about.get("history", ()))
        stored, new = Asked(entry.question, history), Asked(part.question, part.history)
        if entry.history_key != part.history_key and leaks(_content(body), stored.text(), new.text()):
            return None
        if not await self._judge.same_answer(part.team, stored, new, ask):
            return None
        return Hit("semantic", body, f"semantic:{entry.id}", similarity, "judge")

    async def _fetch(self, team: str, entry_id: str, similarity: float, how: Any) -> Hit | None:
        value = await self._read(team, entry_id)
        return None if value is None else Hit("semantic", unpack(value)[1], f"semantic:{entry_id}", similarity, how)

    async def _read(self, team: str, entry_id: str) -> bytes | None:
        value = await self._ledger.read(team, "semantic", entry_id)
        if not value:
            self._index().remove(team, entry_id)  # Expired, evicted or purged before the mirror noticed.
            return None
        return value

    async def _embedded(self, part: Partition, embed: Embed) -> Vector | None:
        if len(part.question.encode("utf-8", "replace")) > LONGEST_QUESTION_BYTES:
            return None
        try:
            async with asyncio.timeout(self._embed_timeout_s):
                vector = np.asarray(await embed(part.question), dtype=np.float32)
        except Exception as error:  # Somebody else's code and network: without an embedding it is a miss.
            log.warning("no embedding for the cache: %s", type(error).__name__)
            self.failures += 1
            return None
        length = float(np.linalg.norm(vector))
        if vector.ndim != 1 or not np.isfinite(length) or length == 0.0:
            self.failures += 1
            return None
        return vector / np.float32(length)

    def _room(self, part: Partition) -> str:
        return digest("room", self._space, part.key)


def _content(body: bytes) -> str:
    content: str = json.loads(body)["choices"][0]["message"]["content"]
    return content
