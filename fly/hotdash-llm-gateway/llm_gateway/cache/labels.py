"""The labels of every team in Redis, so that all gateways learn from each other's verdicts."""

from __future__ import annotations

import time

from ..store import Store
from .acceptance import BANDS, Kind, Labels, band
from .entry_store import EntryStore
from .keys import digest

EPOCH_S = 30 * 86400
"""Labels count for one to two epochs: what a team's users ask, and what is right, changes."""
FRESH_S = 5.0


class LabelStore:
    """Counts labels per team. Every method raises StoreUnavailable if Redis is away.

    Args:
        store: the shared Redis connection.
        entry_store: where refusals are remembered, within each team's budget.
        prefix: start of all key names.
        space: names what similarities and verdicts depend on: embedding model, judging model, prompt.
    """

    def __init__(self, store: Store, entry_store: EntryStore, *, prefix: str, space: str) -> None:
        self._store, self._entry_store, self._prefix, self._space = store, entry_store, prefix, digest("labels", space)
        self._known: dict[str, tuple[float, Labels]] = {}

    async def of(self, team: str) -> Labels:
        """The team's labels, of all gateways up to a few seconds ago."""
        read_at, labels = self._known.get(team, (-FRESH_S, None))
        if labels is None or time.monotonic() - read_at > FRESH_S:
            labels, epoch = Labels(), int(time.time()) // EPOCH_S
            for each in (epoch - 1, epoch):
                told = await self._store.call("HGETALL", self._key(team, each))
                for field, count in zip(told[::2], told[1::2], strict=True):
                    kind, at, what = field.decode().split(":")
                    labels.add(int(at) / BANDS, kind, **{what: int(count)})
            self._known[team] = time.monotonic(), labels
        return labels

    async def add(self, team: str, similarity: float, kind: Kind, *, right: int = 0, wrong: int = 0) -> None:
        """Count answers that were checked, as `Labels.add`, here and in Redis. Raises StoreUnavailable."""
        labels, key = await self.of(team), self._key(team, int(time.time()) // EPOCH_S)
        for what, count in (("right", right), ("wrong", wrong)):
            field = f"{kind}:{band(similarity)}:{what}"
            if count and await self._store.call("HINCRBY", key, field, count) == count:  # The first one there.
                await self._store.call("EXPIRE", key, 2 * EPOCH_S)
        labels.add(similarity, kind, right=right, wrong=wrong)

    def refusal(self, wording: str, entry: str, stamp: str) -> str:
        """The id under which it is remembered that a stored answer is not right for a wording."""
        return digest("refusal", self._space, wording, entry, stamp)

    async def refuse(self, team: str, wording: str, entry: str, stamp: str) -> None:
        """Remember that a stored answer is not right for a wording."""
        await self._entry_store.keep(team, "verdict", self.refusal(wording, entry, stamp), b"no")

    def _key(self, team: str, epoch: int) -> str:
        return f"{self._prefix}labels:{{{team}}}:{self._space}:{epoch}"
