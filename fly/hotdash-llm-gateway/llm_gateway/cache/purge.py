"""Removing cached answers: all of a team's, one that was reported, or one that was found wrong."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

from ..store import StoreFull
from .entry_store import TIERS, EntryStore, Tier
from .exact import unpack
from .labels import LabelStore


@dataclass(frozen=True)
class Purged:
    """How many entries and remembered verdicts were removed."""

    entries: int


async def purge_team(entry_store: EntryStore, team: str) -> Purged:
    """Remove everything kept for a team, in Redis and in every gateway that follows the log.

    Answers on their way while this runs are kept or not, but nothing older than the call survives.
    A Redis that is full takes no announcement before there is room: then the entries go first, and without it they are
    no more to be found either. Raises `StoreUnavailable`: a purge that did not happen must not look like one.
    """
    try:
        mark = await entry_store.announce(team, x="*")
    except StoreFull:
        total = await entry_store.clear(team)
        with contextlib.suppress(StoreFull):
            await entry_store.announce(team, x="*")
        return Purged(total)
    total = 0
    for tier in TIERS:
        # The announcement itself stays for gateways that are slower; it leaves with its tier's age.
        until = f"({mark}" if tier == "semantic" else "+"
        total += await entry_store.forget(team, tier, until=until)
    return Purged(total)


async def purge_entry(entry_store: EntryStore, team: str, entry_id: str) -> Purged:
    """Remove one answer: from both tiers, and from the wording it was served for.

    Its other wordings go by themselves: they point to an answer that is no longer there.

    Args:
        entry_id: as an answer's `x-gateway-cache-entry` header or trace names it, `exact:...` or `semantic:...`.

    Raises:
        ValueError: the id names no tier.
        StoreUnavailable: Redis is away; nothing or not everything was removed.
    """
    tier, name = _split(entry_id)
    about = await _head(entry_store, team, tier, name)
    if "of" in about:
        gone = await _drop(entry_store, team, "semantic", name)
        return Purged(gone + (await purge_entry(entry_store, team, f"semantic:{about['of']}")).entries)
    twins: dict[Tier, str | None] = {"exact": about.get("exact"), "semantic": about.get("semantic"), tier: name}
    gone = 0
    for each, twin in twins.items():
        if twin:
            gone += await _drop(entry_store, team, each, twin)
    return Purged(gone)


async def take_back(entry_store: EntryStore, labels: LabelStore, team: str, entry_id: str) -> Purged:
    """Act on an answer that was found wrong for the question it was served for.

    The answer goes, the verdict for that wording turns into a no, and the label moves, and with it the similarity from
    which answers are served unjudged. Arguments and errors as for `purge_entry`.
    """
    tier, name = _split(entry_id)
    about = await _head(entry_store, team, tier, name)
    if "of" in about:
        judged = about["how"] == "judge"
        await labels.add(team, about["s"], about["kind"], right=-int(judged), wrong=1)
        await labels.refuse(team, name, about["of"], about["a"])
    return await purge_entry(entry_store, team, entry_id)


async def confirm(entry_store: EntryStore, labels: LabelStore, team: str, entry_id: str) -> None:
    """Count an answer that was served by its similarity alone and found right. Raises as `purge_entry`."""
    about = await _head(entry_store, team, *_split(entry_id))
    if about.get("how") == "similarity":
        await labels.add(team, about["s"], about["kind"], right=1)


def _split(entry_id: str) -> tuple[Tier, str]:
    kind, _, name = entry_id.partition(":")
    if kind not in ("exact", "semantic") or not name:
        raise ValueError(f"{entry_id!r} is no entry id: it starts with exact: or semantic:")
    return "exact" if kind == "exact" else "semantic", name


async def _head(entry_store: EntryStore, team: str, tier: Tier, name: str) -> dict[str, Any]:
    value = await entry_store.read(team, tier, name)
    return unpack(value)[0] if value else {}


async def _drop(entry_store: EntryStore, team: str, tier: Tier, name: str) -> int:
    gone = await entry_store.drop(team, tier, name)
    if tier == "semantic":
        await entry_store.announce(team, x=name)
    return int(gone)
