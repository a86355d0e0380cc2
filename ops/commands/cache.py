"""Commands for the gateway's caches: what they hold, forgetting it, and switching them off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from invoke import Context, Task

from ops.commands.dry import LOOKS, Says
from ops.commands.task import task
from ops.runbook.errors import RunbookError

NAME = "cache"


def cache_stats(c: Context, target: str = "", json: bool = False) -> None:
    """Entries, bytes, hits and misses of the two caches, by team."""
    from ops.commands.gateway_admin import show

    show("cache", target, json)


def cache_purge(c: Context, team: str = "", entry: str = "", target: str = "", yes: bool = False) -> None:
    """Forget a team's cached answers, or one entry of it: inv cache.purge --team NAME."""
    _check_purge(team, entry)
    from ops.commands.gateway_admin import purge

    print(purge(team, entry, target))


def _check_purge(team: str, entry: str) -> None:
    if not team:
        raise RunbookError("CLI-006", "which team?", next="inv teams.show, then inv cache.purge --team NAME")
    if entry:
        _check_entry(entry)


def _would_purge(team: str = "", entry: str = "", target: str = "") -> str:
    _check_purge(team, entry)
    from ops.session.opening import open_deployment

    name = open_deployment(target).team(team).name
    return f"would forget {f'entry {entry}' if entry else 'every cached answer'} of {name}; inv cache.stats counts them"


def _would_take_back(entry: str = "", target: str = "") -> str:
    _check_entry(entry)
    return f"would take back {entry}: forget the answer, turn its verdict, move the threshold"


def _check_entry(entry: str) -> None:
    tier, _, name = entry.partition(":")
    if tier not in ("exact", "semantic") or not name:
        what = f"{entry!r} names no answer: that begins with exact: or semantic:" if entry else "which answer?"
        raise RunbookError("CLI-010", what, next="inv cache.wrong --entry semantic:...")


def cache_wrong(c: Context, entry: str = "", target: str = "", yes: bool = False) -> None:
    """Take back an answer that was wrong for its question: inv cache.wrong --entry ID.

    The ID is the answer's x-gateway-cache-entry header, which its trace shows as well. The answer is forgotten, the
    verdict that served it turns into a no, and the similarity from which answers are served without a verdict moves.
    """
    _check_entry(entry)
    from ops.commands.gateway_admin import wrong

    print(wrong(entry, target))


def cache_off(c: Context, tier: str = "", why: str = "", target: str = "", yes: bool = False) -> None:
    """Switch a cache off on all gateways, at once: inv cache.off --tier semantic.

    Nothing is served from it and nothing kept in it until cache.on. It needs no deploy, and no deploy undoes it.
    """
    from ops.commands.switching import check_tier, throw

    print(throw({"cache": check_tier(tier, "off"), "to": "off", "why": why}, f"inv cache.off --tier {tier}", target))


def cache_on(c: Context, tier: str = "", target: str = "", yes: bool = False) -> None:
    """Switch a cache on again: inv cache.on --tier semantic."""
    from ops.commands.switching import check_tier, throw

    print(throw({"cache": check_tier(tier, "on"), "to": "on"}, f"inv cache.on --tier {tier}", target))


def _would_switch(to: str) -> Callable[..., str]:
    def form(tier: str = "", why: str = "", target: str = "") -> str:
        from ops.commands.switching import check_tier

        which = {"all": "both caches"}.get(check_tier(tier, to), f"the {tier} cache")
        return f"would switch {which} {to} on every gateway, at once; inv cache.stats shows it"

    return form


TIER = "exact, semantic or all"
TASKS: tuple[Task[Any], ...] = (
    task(cache_stats, "stats", dry=LOOKS),
    task(cache_purge, "purge", dry=Says(_would_purge), asks=True, team="whose answers", entry="only this entry"),
    task(cache_off, "off", dry=Says(_would_switch("off")), asks=True, tier=TIER, why="for those who find it so"),
    task(cache_on, "on", dry=Says(_would_switch("on")), asks=True, tier=TIER),
    task(cache_wrong, "wrong", dry=Says(_would_take_back), asks=True, entry="as x-gateway-cache-entry names it"),
)
