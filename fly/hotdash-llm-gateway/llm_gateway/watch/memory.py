"""What the watch remembers, and which of several watches works: a lease and one document in Redis.

While Redis is away, the watch that worked last goes on from its own memory; the others do nothing. Once Redis is back
the one that went on tells it what it did: another one waits for a whole lease before it takes over, unless it was told
that the lease is free.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from ..redis_connection import Part
from ..store import Script, Store, StoreUnavailable

_EXCHANGE = Script.load("watch/exchange.lua")


class Memory:
    """One watch's view.

    Args:
        store: Redis.
        start: the state before the first look.
        lease_s: how long a watch that says nothing is taken for alive.
        clock: a monotonic one, in seconds.
    """

    def __init__(
        self, store: Store, start: Mapping[str, Any], *, lease_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store, self._lease_s, self._clock = store, lease_s, clock
        self._token = secrets.token_hex(8)
        self._keys = [f"{store.prefix}{{watch}}:{part}" for part in ("lease", "state")]
        self._revision = 0
        self._unsaved = False
        self._met = False
        """It has heard what Redis knows: until then whatever stands there comes first."""
        self._heard = False
        """Redis has ever answered: then it said who works, and that is still so."""
        self._there_since: float | None = None
        self._away_since: float | None = None
        self._start = dict(start)
        self.state: dict[str, Any] = dict(start)
        self.holding = False
        """By the last word from Redis, or because Redis has been away for a lease and nobody else can be asked."""

    async def claim(self) -> bool:
        """Take the lease, or keep it. Afterwards `state` is the newest there is, if this watch works."""
        return await self._exchange("")

    async def keep(self, state: Mapping[str, Any]) -> bool:
        """Remember a new state; False if another watch works, which then knows better."""
        self.state, self._unsaved = dict(state), True
        self._revision += 1
        return await self._exchange(self._written())

    async def release(self) -> None:
        """Say that this watch stops, so that another need not wait."""
        if self.holding:
            self.holding = False
            try:
                if self._unsaved:
                    await self._exchange(self._written())
                await self._store.call("SET", self._keys[0], "free")
            except StoreUnavailable:
                pass

    async def look(self) -> dict[str, Any] | None:
        """The state in Redis, if there is one, whoever works. Raises StoreUnavailable."""
        raw = await self._store.call("GET", self._keys[1])
        return {**self._start, **json.loads(raw)["state"]} if raw else None

    async def _exchange(self, document: str) -> bool:
        patient = self.holding or (self._there_since is not None and self._waited(self._there_since))
        asked: list[Part] = [
            self._token,
            round(self._lease_s * 1000),
            int(patient),
            self._revision - bool(document) if self._met else -1,
            document,
        ]
        try:
            held, newer = await self._store.script(_EXCHANGE, self._keys, asked)
        except StoreUnavailable:
            self._there_since = None
            if self._away_since is None:
                self._away_since = self._clock()
            # One that began while Redis was away cannot know whether another works. Somebody must say that it is away.
            self.holding = self.holding or (not self._heard and self._waited(self._away_since))
            return self.holding
        self._away_since, self._heard = None, True
        if self._there_since is None:
            self._there_since = self._clock()
        self.holding = bool(held)
        if not held:
            self._unsaved = False
            return False
        self._met = True
        if newer:
            there = json.loads(newer)
            # What an earlier version of the watch kept may lack a part.
            known = {**self._start, **there["state"]}
            self.state = merged(known, self.state) if self._unsaved else known
            self._revision = int(there["revision"])
        elif document:
            self._unsaved = False
        return self.holding

    def _waited(self, since: float) -> bool:
        return self._clock() - since >= self._lease_s

    def _written(self) -> str:
        return json.dumps({"revision": self._revision, "state": self.state}, separators=(",", ":"))


def merged(there: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    """Redis' state with what this watch did on its own while Redis was away: its alerts and its mails."""
    told = {mail["id"] for mail in there["sent"]}
    gone = {mail["id"] for mail in ours["sent"]}
    sent = [*there["sent"], *(mail for mail in ours["sent"] if mail["id"] not in told)]
    known = {mail["id"] for mail in (*sent, *there["outbox"])}
    outbox = [mail for mail in there["outbox"] if mail["id"] not in gone]
    outbox += [mail for mail in ours["outbox"] if mail["id"] not in known]
    return {**there, "alerts": {**ours["alerts"], **there["alerts"]}, "outbox": outbox, "sent": sent}
