"""Which team owns an object stored at the provider: all teams share one account there, so the gateway checks access.

A response, a conversation or an item belongs to the team whose request made it. Its id is kept in Redis under that
team's own keys, so another team's id and one that never was are the same: not there. What an operator made at the
provider for a team (files, prompts, vector stores) is listed in the configuration.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

from ..store import Store, StoreUnavailable
from .errors import BadRequest
from .request import Reference, ReferenceKind

log = logging.getLogger(__name__)

DAY_S = 86_400
KEPT_S: Mapping[ReferenceKind, int] = {"response": 31 * DAY_S, "item": 31 * DAY_S, "conversation": 400 * DAY_S}
"""How long an id is remembered. OpenAI keeps responses for thirty days, conversations until they are deleted; the
latter are remembered for this long after their last use, since nothing in Redis may stay for ever."""
LONGEST_ID = 200
MOST_UNSENT = 10_000
RETRY_S = 1.0


class Ownership:
    """Remembers which team made what, and refuses every other team's."""

    def __init__(self, store: Store, given: Mapping[str, frozenset[str]]) -> None:
        """Args:
        store: the shared Redis.
        given: by team, ids of what an operator made for it at the provider.
        """
        self._store, self._given = store, given
        self._unsent: OrderedDict[tuple[str, ReferenceKind, str], int] = OrderedDict()
        self._sending: asyncio.Task[None] | None = None

    async def record(self, team: str, kind: ReferenceKind, ids: Iterable[str], *, tokens: int = 0) -> None:
        """Remember that a team made something; never fails: what Redis does not take now is sent when it does.

        Args:
            team: whose request made it.
            kind, ids: what was made.
            tokens: how much of it a model reads again when a later request names it.
        """
        new = [(team, kind, identity) for identity in ids if _plausible(identity)]
        try:
            for key in new:
                await self._store.call("SET", self._key(*key), tokens, "EX", KEPT_S[kind])
        except StoreUnavailable:
            for key in new:
                self._unsent[key] = tokens
            while len(self._unsent) > MOST_UNSENT:
                self._unsent.popitem(last=False)
            if self._sending is None or self._sending.done():
                self._sending = asyncio.create_task(self._send())

    async def check(self, team: str, references: Sequence[Reference]) -> int:
        """Let a request name only what its team made.

        Returns:
            How many tokens of earlier turns the model will read again.

        Raises:
            BadRequest: 404 for the first that is not the team's.
            StoreUnavailable: Redis is away, so it cannot be known.
        """
        return sum([await self._tokens(team, reference) for reference in references])

    async def forget(self, team: str, kind: ReferenceKind, identity: str) -> None:
        """Its team deleted it. Raises StoreUnavailable."""
        self._unsent.pop((team, kind, identity), None)
        await self._store.call("DEL", self._key(team, kind, identity))

    async def close(self) -> None:
        """Stop sending."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)

    async def _tokens(self, team: str, reference: Reference) -> int:
        kind, identity = reference.kind, reference.id
        if identity in self._given.get(team, ()):
            return 0
        if not _plausible(identity) or kind not in KEPT_S:
            raise unknown(reference)
        waiting = self._unsent.get((team, kind, identity))
        if waiting is not None:
            return waiting
        found = await self._store.call("GETEX", self._key(team, kind, identity), "EX", KEPT_S[kind])
        if found is None:
            raise unknown(reference)
        return int(found)

    async def _send(self) -> None:
        while self._unsent:
            await self._store.wait_available()
            with contextlib.suppress(StoreUnavailable):
                while self._unsent:
                    key, tokens = next(iter(self._unsent.items()))
                    await self._store.call("SET", self._key(*key), tokens, "EX", KEPT_S[key[1]])
                    self._unsent.pop(key, None)
                return
            await asyncio.sleep(RETRY_S)

    def _key(self, team: str, kind: ReferenceKind, identity: str) -> str:
        return f"{self._store.prefix}own:{{{team}}}:{kind}:{identity}"


def unknown(reference: Reference) -> BadRequest:
    """The error for what is not there, or not the team's: nobody can tell which."""
    if reference.param == "previous_response_id":
        message, code = f"Previous response with id '{reference.id[:80]}' not found.", "previous_response_not_found"
    else:
        message, code = f"{reference.kind.capitalize()} with id '{reference.id[:80]}' not found.", None
    return BadRequest(message, status=404, param=reference.param or None, code=code)


def _plausible(identity: str) -> bool:
    return 0 < len(identity) <= LONGEST_ID and identity.isascii() and identity.isprintable() and " " not in identity
