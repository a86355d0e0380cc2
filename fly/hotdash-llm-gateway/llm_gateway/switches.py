"""Kill switches: a cache tier that is off, a team that is frozen. Thrown by an operator, heeded by every gateway.

They stand in Redis as one document with a revision, and every gateway looks at it each second; a request looks only
at this process's memory. While Redis is away the switches stay as they were last known. A Redis that came back
without the document, or with an older one, is told what was known: only an operator takes a switch back.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from .store import Script, Store, StoreUnavailable

log = logging.getLogger(__name__)

CacheTier = Literal["exact", "semantic"]
CACHE_TIERS: tuple[CacheTier, ...] = ("exact", "semantic")
POLL_S = 1.0
TRIES = 10
"""How often a change is tried anew because somebody else changed another switch meanwhile."""

_NEWER_WINS = Script(
    """
    local there = redis.call('GET', KEYS[1])
    local revision = there and cjson.decode(there).revision or 0
    if tonumber(ARGV[1]) > revision then
      redis.call('SET', KEYS[1], ARGV[2])
      return ARGV[2]
    end
    return there
    """
)


@dataclass(frozen=True)
class Thrown:
    """A switch that is thrown: since when (seconds since 1970), and why, in the operator's words."""

    since: int
    why: str = ""


def cache_switch(tier: str) -> str:
    """The name of a cache tier's switch."""
    return f"cache.{tier}"


def team_switch(team: str) -> str:
    """The name of the switch that freezes a team."""
    return f"team.{team}"


class Switches:
    """The switches as this process knows them.

    Args:
        store: where all gateways find them.
        clock: seconds since 1970.
    """

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self._store, self._clock = store, clock
        self._key = f"{store.prefix}switches"
        self._revision = 0
        self.thrown: Mapping[str, Thrown] = {}
        self.known = False
        """They have been read once: a gateway that never saw them must not serve a team that may be frozen."""

    def cache_on(self, tier: CacheTier) -> bool:
        """Whether a tier of the cache may be looked at and added to."""
        return cache_switch(tier) not in self.thrown

    def frozen(self, team: str) -> Thrown | None:
        """Since when and why a team is frozen; None if it is not."""
        return self.thrown.get(team_switch(team))

    def shown(self) -> dict[str, dict[str, Any]]:
        """The thrown switches by name, as plain data."""
        return {name: asdict(thrown) for name, thrown in sorted(self.thrown.items())}

    async def change(self, names: list[str], *, thrown: bool, why: str = "") -> bool:
        """Throw switches, or take them back; here at once, on other gateways when they look next.

        Returns:
            Whether any of them was not so before.

        Raises:
            StoreUnavailable: Redis did not take it; nothing was changed anywhere.
        """
        for _ in range(TRIES):
            await self.read()
            changing = [name for name in names if (name in self.thrown) is not thrown]
            if not changing:
                return False
            new = {name: each for name, each in self.thrown.items() if name not in changing}
            if thrown:
                new |= dict.fromkeys(changing, Thrown(int(self._clock()), why))
            wanted = _written(self._revision + 1, new)
            if await self._exchange(self._revision + 1, wanted) == wanted:
                return True
        raise StoreUnavailable("others change the switches at the same time; try again")

    async def read(self) -> None:
        """Look at Redis once. Raises StoreUnavailable: they stay as last known."""
        await self._exchange(self._revision, _written(self._revision, self.thrown))

    async def run(self) -> None:
        """Look every second, until cancelled."""
        while True:
            try:
                await self.read()
            except StoreUnavailable:
                pass
            except (ValueError, TypeError, KeyError, AttributeError):
                log.error("%s in Redis is not what a gateway wrote: the switches stay as last known", self._key)
            await asyncio.sleep(POLL_S)

    async def _exchange(self, revision: int, document: bytes) -> bytes | None:
        """Offer a document; what stands in Redis afterwards is what is known from then on."""
        found: bytes | None = await self._store.script(_NEWER_WINS, [self._key], [revision, document])
        read: dict[str, Any] = json.loads(found) if found else {"revision": 0, "thrown": {}}
        thrown = {str(name): Thrown(int(each["since"]), str(each["why"])) for name, each in read["thrown"].items()}
        for name in sorted(thrown.keys() ^ self.thrown.keys()):
            log.warning("switch %s: %s", name, "thrown" if name in thrown else "taken back")
        self._revision, self.thrown, self.known = int(read["revision"]), thrown, True
        return found


def _written(revision: int, thrown: Mapping[str, Thrown]) -> bytes:
    document = {"revision": revision, "thrown": {name: asdict(each) for name, each in sorted(thrown.items())}}
    return json.dumps(document, separators=(",", ":")).encode()
