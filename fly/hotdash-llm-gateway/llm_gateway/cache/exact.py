"""The exact tier: the same request of the same team again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from ..store import StoreUnavailable
from .entry_store import EntryStore, value
from .keys import CacheKey

ServedBy = Literal["same", "judge", "similarity", "alias"]


@dataclass(frozen=True)
class Hit:
    """An answer from a cache.

    Attributes:
        tier: which cache it came from; `alias` for a question that a reviewed list names.
        body: the answer as JSON text, to be sent as it is.
        entry_id: names the entry to a purge.
        similarity: measured cosine of the two questions, where one was measured.
        served_by: why it was served: the same question, the judge's verdict, its similarity alone, or a reviewed alias.
    """

    tier: Literal["exact", "semantic", "alias"]
    body: bytes
    entry_id: str
    similarity: float | None = None
    served_by: ServedBy = "same"

    @cached_property
    def response(self) -> dict[str, Any]:
        """The answer as a dictionary; each caller must treat it as its own."""
        loaded: dict[str, Any] = json.loads(self.body)
        return loaded


class ExactCache:
    """Answers by canonical key. Never raises: whatever fails is a miss, or an answer not kept.

    While `on` says no, nothing is looked up and nothing kept.
    """

    def __init__(self, entry_store: EntryStore, *, on: Callable[[], bool] = lambda: True) -> None:
        self._entry_store, self.on = entry_store, on
        self.failures = 0

    def name(self, key: CacheKey) -> str:
        """Where an answer is kept in Redis."""
        return self._entry_store.name(key.team, "exact", key.digest)

    def hit(self, key: CacheKey, raw: bytes) -> Hit:
        """An answer, from what Redis has under its name."""
        return Hit("exact", value(raw).partition(b"\n")[2], f"exact:{key.digest}")

    async def get(self, key: CacheKey) -> Hit | None:
        """The answer kept under a key, in one round trip; None if there is none or Redis is away."""
        found = await self.get_many(key.team, [key.digest])
        return None if found[0] is None else Hit("exact", found[0], f"exact:{key.digest}")

    async def get_many(self, team: str, digests: Sequence[str]) -> list[bytes | None]:
        """The bodies kept under several keys of one team, in one round trip; None for each that is not there."""
        if not self.on():
            return [None] * len(digests)
        try:
            values = await self._entry_store.read_many(team, [("exact", digest) for digest in digests])
        except StoreUnavailable:
            self.failures += 1
            return [None] * len(digests)
        return [value.partition(b"\n")[2] if value else None for value in values]

    async def put(
        self, key: CacheKey, body: bytes, *, ttl_s: int | None = None, semantic_id: str | None = None
    ) -> bool:
        """Keep an answer.

        Args:
            key: of the request.
            body: the answer as JSON text; whether it may be kept at all is the caller's to know.
            ttl_s: a shorter life the client asked for, in seconds.
            semantic_id: the entry in the semantic tier made from the same answer, so that a purge finds both.

        Returns:
            Whether it was kept.
        """
        if not self.on():
            return False
        head = json.dumps({"semantic": semantic_id} if semantic_id else {}, separators=(",", ":")).encode()
        try:
            return bool(await self._entry_store.keep(key.team, "exact", key.digest, head + b"\n" + body, ttl_s=ttl_s))
        except StoreUnavailable:
            self.failures += 1
            return False


def pack(head: Mapping[str, Any], response: Mapping[str, Any]) -> bytes:
    """The stored form of an answer: one line of JSON about it, then the answer as it is sent."""
    lines = (json.dumps(part, separators=(",", ":"), ensure_ascii=True) for part in (head, response))
    return "\n".join(lines).encode()


def unpack(value: bytes) -> tuple[dict[str, Any], bytes]:
    """The two parts of a stored answer."""
    head, _, body = value.partition(b"\n")
    about: dict[str, Any] = json.loads(head)
    return about, body
