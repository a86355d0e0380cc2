"""Commands for the gateway's caches: what they hold, and forgetting it."""

from __future__ import annotations

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


TASKS: tuple[Task[Any], ...] = (
    task(cache_stats, "stats", dry=LOOKS),
    task(cache_purge, "purge", dry=Says(_would_purge), asks=True, team="whose answers", entry="only this entry"),
    task(cache_wrong, "wrong", dry=Says(_would_take_back), asks=True, entry="as x-gateway-cache-entry names it"),
)
