"""What Redis' memory is used for, by what the gateway knows of its own keys: a bounded number of cheap questions.

The entries of the caches are many, and are not asked for one by one: their account holds the sum, and the logs say how
it is shared by the tiers. The other keys are few and known by name; Redis is asked how large each is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..cache.entry_store import TIERS, EntryStore, fields_of
from ..store import StoreUnavailable

if TYPE_CHECKING:
    from ..gateway import Gateway

SAMPLED = 64
"""Of the newest entries of a tier, whose sizes stand for all."""
WATCH = ("lease", "state")
"""What the watch keeps; a program of its own, which is not imported here."""
USES = {"exact": "exact cache", "semantic": "semantic cache", "verdict": "semantic cache"}


async def by_use(gateway: Gateway, used_memory: int) -> dict[str, int]:
    """Bytes by use; their sum is what Redis says that it uses. Raises StoreUnavailable."""
    found = dict.fromkeys(("exact cache", "semantic cache", "limits", "watch"), 0)
    for team in gateway.config.teams:
        for use, count in (await _entries(gateway.entry_store, gateway, team)).items():
            found[use] += count
    for use, key in _known(gateway):
        found[use] += await _size(gateway, key)
    return {**found, "other": max(0, used_memory - sum(found.values()))}


async def _entries(entries: EntryStore, gateway: Gateway, team: str) -> dict[str, int]:
    """A team's account, shared out by how many entries each tier has and how large its newest are."""
    weights: dict[str, float] = {}
    for tier in TIERS:
        log = entries.names(team).log(tier)
        rows = await gateway.store.call("XREVRANGE", log, "+", "-", "COUNT", SAMPLED)
        # A row that is no entry has no size.
        sizes = [int(fields_of(row).get(b"n", 0)) for row in rows]
        if sizes:
            count = int(await gateway.store.call("XLEN", log))
            weights[USES[tier]] = weights.get(USES[tier], 0.0) + count * sum(sizes) / len(sizes)
    account, whole = await entries.used_bytes(team), sum(weights.values())
    return {use: round(account * weight / whole) for use, weight in weights.items()} if whole else {}


def _known(gateway: Gateway) -> Iterator[tuple[str, str]]:
    """The keys that are known by name, and what they are for."""
    for team in gateway.config.teams.values():
        for key in gateway.limiter.keys(team):
            yield "limits", key
    for part in WATCH:
        yield "watch", f"{gateway.store.prefix}{{watch}}:{part}"


async def _size(gateway: Gateway, key: str) -> int:
    """Bytes of one key; 0 where there is none, and where this Redis does not tell."""
    try:
        return int(await gateway.store.call("MEMORY", "USAGE", key) or 0)
    except StoreUnavailable:
        if not gateway.store.available:
            raise
        return 0
