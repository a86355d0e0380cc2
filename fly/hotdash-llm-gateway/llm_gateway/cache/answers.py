"""The record of the semantic tier in Redis: answers, and the wordings that have them.

An entry is an answer under the wording it was given to. A member is another wording that was found to have the same
answer; it points to the entry and to the answer's stamp, so that it dies with that answer. Both carry their vectors
in the log, from which every gateway's index is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from .entry_store import EntryStore
from .exact import Hit, ServedBy, pack, unpack
from .index import Candidate, Vector, Wording, quantise
from .keys import CacheKey, Partition, digest
from .wording import normal

Keepable = Callable[[Mapping[str, Any]], bool]
"""Whether an answer is whole and may be given again."""


class Answers:
    """Reads and writes entries and members. Every method that talks to Redis raises StoreUnavailable if it is away.

    Args:
        entry_store: the record in Redis.
        aliases: the group of each reviewed question; the questions of a group share one entry.
        space: names the embedding model and its dimensions; vectors of different spaces never meet.
    """

    def __init__(self, entry_store: EntryStore, aliases: Mapping[str, str], *, space: str) -> None:
        self._entry_store, self._aliases, self._space = entry_store, aliases, space
        # Both are needed several times for a request, and take a tenth of its lookup each time.
        self.partition_id, self.wording_id = lru_cache(64)(self._partition_id), lru_cache(64)(self._wording_id)

    def _partition_id(self, part: Partition) -> str:
        """Where the wordings are that may share an answer: same partition, same earlier turns."""
        return digest("room", self._space, part.key, part.history_key)

    def _wording_id(self, part: Partition) -> str:
        """The id of the question's normal form in its partition."""
        group = self._group(part)
        return digest("wording" if group is None else "alias", self.partition_id(part), group or normal(part.question))

    async def known(self, part: Partition) -> Hit | None:
        """The answer to this very wording: given to it before, or found right for it, or reviewed by a person."""
        wording = self.wording_id(part)
        value = await self._entry_store.read(part.team, "semantic", wording)
        if not value:
            return None
        head, body = unpack(value)
        if "of" in head:
            stored, body = await self._entry(part.team, head["of"])
            if stored.get("a") != head["a"]:
                await self._entry_store.drop(part.team, "semantic", wording)
                return None
        if self._group(part) is not None:
            return Hit("alias", body, f"semantic:{wording}", served_by="alias")
        return Hit("semantic", body, f"semantic:{wording}", head.get("s"), head.get("how", "same"))

    async def read(
        self, team: str, wordings: Sequence[Wording], refusals: Sequence[str]
    ) -> list[tuple[str, bytes, bool] | None]:
        """For each wording the question of its entry, the answer, and whether it is refused; None if it is gone.

        Args:
            refusals: ids in the verdict tier, one for each wording.
        """
        keys = [("semantic", each.entry) for each in wordings] + [("verdict", each) for each in refusals]
        found = await self._entry_store.read_many(team, keys)  # type: ignore[arg-type]
        values = []
        for wording, value, refused in zip(wordings, found, found[len(wordings) :], strict=False):
            head, body = unpack(value) if value else ({}, b"")
            values.append((str(head["q"]), body, bool(refused)) if head.get("a") == wording.stamp else None)
        return values

    async def keep(
        self, part: Partition, vector: Vector, response: Mapping[str, Any], *, ttl_s: int | None, exact: CacheKey
    ) -> str | None:
        """Keep a complete answer under its wording.

        Args:
            part: in which partition.
            vector: of the question.
            response: a chat completion.
            ttl_s: a shorter life than the tier's, in seconds; None for the tier's.
            exact: the key of the same answer in the exact tier.

        Returns:
            The entry's id; None if it is too large.

        Raises:
            StoreUnavailable: Redis is away or full.
        """
        entry, answer = self.wording_id(part), response["choices"][0]["message"]["content"]
        stamp = digest("answer", answer)
        value = pack({"exact": exact.digest, "q": part.question, "a": stamp}, response)
        row = self._row(part, vector, entry, stamp)
        return (
            entry if await self._entry_store.keep(part.team, "semantic", entry, value, ttl_s=ttl_s, row=row) else None
        )

    async def join(self, part: Partition, vector: Vector, found: Candidate, served_by: ServedBy) -> None:
        """Make this wording a member of the entry that another wording belongs to, unless it has an answer by now.

        Args:
            part: in which partition.
            vector: of the new wording.
            found: the wording that it was found to have the same answer as.
            served_by: how it was found.

        Raises:
            StoreUnavailable: Redis is away or full.
        """
        if await self._entry_store.read(part.team, "semantic", self.wording_id(part)):
            return
        entry, stamp = found.wording.entry, found.wording.stamp
        about = {"of": entry, "a": stamp, "s": found.similarity, "kind": found.kind, "how": served_by}
        row = self._row(part, vector, entry, stamp)
        await self._entry_store.keep(part.team, "semantic", self.wording_id(part), pack(about, {}), row=row)

    async def _entry(self, team: str, entry: str) -> tuple[dict[str, Any], bytes]:
        value = await self._entry_store.read(team, "semantic", entry)
        return unpack(value) if value else ({}, b"")

    def _row(self, part: Partition, vector: Vector, entry: str, stamp: str) -> dict[str, bytes | str]:
        question, codes = part.question.encode("utf-8", "replace"), quantise(vector).tobytes()
        return {"p": self.partition_id(part), "q": question, "v": codes, "e": entry, "a": stamp, "u": part.end_user}

    def _group(self, part: Partition) -> str | None:
        return None if part.history else self._aliases.get(normal(part.question))
