"""What Redis' memory is used for, by what the gateway knows of its own keys: a few cheap questions for each team.

The entries of the caches are many, and are not asked for one by one: their account holds the sum, and the logs say how
it is shared by the tiers. The other keys are few and known by name; Redis is asked how large they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..cache.entry_store import TIERS, EntryStore
from ..store import Script, Store

if TYPE_CHECKING:
    from ..gateway import Gateway

SAMPLED = 64
"""Of the newest entries of a tier, whose sizes stand for all."""
WATCH = ("lease", "state")
"""What the watch keeps; a program of its own, which is not imported here."""
USES = {"exact": "exact cache", "semantic": "semantic cache", "verdict": "semantic cache"}
_LOGS, _KEYS = Script.load("ops/weigh_logs.lua"), Script.load("ops/weigh_keys.lua")


async def by_use(gateway: Gateway, used_memory: int) -> dict[str, int]:
    """Bytes by use; their sum is what Redis says that it uses. Raises StoreUnavailable.

    A use whose keys this Redis does not weigh is left out, and its bytes are among the others.
    """
    found = dict.fromkeys(USES.values(), 0)
    for team in gateway.config.teams:
        for use, count in (await _entries(gateway.entry_store, gateway.store, team)).items():
            found[use] += count
    unknown = set[str]()
    for use, keys in _known(gateway):
        size = await gateway.store.script(_KEYS, keys, [])
        if size is None:
            unknown.add(use)
        else:
            found[use] = found.get(use, 0) + int(size)
    told = {use: count for use, count in found.items() if use not in unknown}
    return {**told, "other": max(0, used_memory - sum(told.values()))}


async def _entries(entries: EntryStore, store: Store, team: str) -> dict[str, int]:
    """A team's account, shared out by how many entries each tier has and how large its newest are."""
    weights: dict[str, float] = {}
    logs = await store.script(_LOGS, [entries.names(team).log(tier) for tier in TIERS], [SAMPLED])
    for tier, (rows, sampled, size) in zip(TIERS, logs, strict=True):
        if sampled:
            weights[USES[tier]] = weights.get(USES[tier], 0.0) + rows * size / sampled
    account, whole = await entries.used_bytes(team), sum(weights.values())
    return {use: round(account * weight / whole) for use, weight in weights.items()} if whole else {}


def _known(gateway: Gateway) -> Iterator[tuple[str, Sequence[str]]]:
    """The keys that are known by name, by what they are for: together those that share a slot of a cluster."""
    for name, team in gateway.config.teams.items():
        yield "limits", gateway.limiter.keys(team)
        yield "counts", gateway.counters.keys(name)
    for part in WATCH:
        yield "watch", [f"{gateway.store.prefix}{{watch}}:{part}"]
