"""Taking answers back: all of a team's, or one that was reported as wrong."""

from __future__ import annotations

from dataclasses import dataclass

from .exact import unpack
from .ledger import TIERS, Ledger, Tier


@dataclass(frozen=True)
class Purged:
    """How many entries and remembered verdicts were removed."""

    entries: int


async def purge_team(ledger: Ledger, team: str) -> Purged:
    """Remove everything kept for a team, in Redis and in every gateway that follows the log.

    Answers on their way while this runs are kept or not, but nothing older than the call survives.
    Raises `StoreUnavailable`: a purge that did not happen must not look like one.
    """
    mark = await ledger.announce(team, x="*")
    total = 0
    for tier in TIERS:
        # The announcement itself stays for gateways that are slower; it leaves with its tier's age.
        until = f"({mark}" if tier == "semantic" else "+"
        total += await ledger.forget(team, tier, until=until)
    return Purged(total)


async def purge_entry(ledger: Ledger, team: str, entry_id: str) -> Purged:
    """Remove one answer and its twin in the other tier.

    Args:
        entry_id: as an answer's `x-gateway-cache-entry` header or trace names it, `exact:...` or `semantic:...`.

    Raises:
        ValueError: the id names no tier.
        StoreUnavailable: Redis is away; nothing or not everything was removed.
    """
    kind, _, name = entry_id.partition(":")
    if kind not in ("exact", "semantic") or not name:
        raise ValueError(f"{entry_id!r} is no entry id: it starts with exact: or semantic:")
    tier: Tier = "exact" if kind == "exact" else "semantic"
    value = await ledger.read(team, tier, name)
    about = unpack(value)[0] if value else {}
    twins: dict[Tier, str | None] = {"exact": about.get("exact"), "semantic": about.get("semantic"), tier: name}
    gone = 0
    for each, twin in twins.items():
        if twin:
            gone += await ledger.drop(team, each, twin)
    if twins["semantic"]:
        await ledger.announce(team, x=twins["semantic"])
    return Purged(gone)
