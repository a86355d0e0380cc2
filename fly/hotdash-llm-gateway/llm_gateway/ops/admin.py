"""What the operator may see and do: live limits, cache figures, purges. Opened by the operator's key only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from ..api.reply import Reply, error_reply, json_reply
from ..api.routes import Route
from ..cache.entry_store import TIERS, Tier
from ..cache.purge import purge_entry, purge_team, take_back
from ..health.history import KEPT_DAYS
from ..health.meters import BOUNDS_S
from ..health.request_counters import LAST_REQUEST, UNANSWERED, pays
from ..settings import NANO
from ..store import StoreUnavailable
from ..switches import CACHE_TIERS, team_switch
from . import metrics, switching

if TYPE_CHECKING:
    from ..gateway import Gateway


async def answer(gateway: Gateway, route: Route, body: bytes) -> Reply:
    """Answer one request of the operator."""
    try:
        if route is Route.ADMIN_TEAMS:
            return json_reply(200, {"teams": await teams(gateway)})
        if route is Route.ADMIN_CACHE:
            return json_reply(200, await cache(gateway))
        if route is Route.ADMIN_PURGE:
            return await _purge(gateway, body)
        if route is Route.ADMIN_WRONG:
            return await _wrong(gateway, body)
        if route is Route.ADMIN_SWITCHES:
            return json_reply(200, {"thrown": gateway.switches.shown()})
        if route is Route.ADMIN_SWITCH:
            return await switching.switch(gateway, body)
        if route is Route.METRICS:
            return await exposed(gateway)
        if route is Route.ADMIN_HISTORY:
            return await _history(gateway, body)
        return json_reply(200, status(gateway))
    except StoreUnavailable as error:
        return error_reply(503, f"Redis did not do it: {error}", kind="unavailable")


async def exposed(gateway: Gateway) -> Reply:
    """The metrics, for whatever scrapes them."""
    return Reply(200, (await metrics.render(gateway)).encode(), media_type=metrics.MEDIA_TYPE)


async def _history(gateway: Gateway, body: bytes) -> Reply:
    """The sums of every team by hour, of the last days."""
    try:
        days = int(json.loads(body)["days"])
    except (ValueError, TypeError, KeyError):
        return error_reply(400, 'a body like {"days": 7} is needed', kind="invalid_request_error")
    if not 1 <= days <= KEPT_DAYS:
        return error_reply(400, f"days: 1 to {KEPT_DAYS}", kind="invalid_request_error")
    # What this gateway has not told Redis yet is part of the present.
    await gateway.counters.flush()
    hours = {name: await gateway.counters.history(name, days) for name in gateway.config.teams}
    return json_reply(200, {"teams": hours, "bounds_s": BOUNDS_S})


async def teams(gateway: Gateway) -> list[dict[str, Any]]:
    """Limits and live use of every team."""
    shown = []
    for team in gateway.config.teams.values():
        usage = await gateway.limiter.usage(team)
        did = await _did(gateway, team.name)
        shown.append(
            {
                "name": team.name,
                "frozen": team_switch(team.name) in gateway.switches.thrown,
                "semantic": team.semantic,
                "limits": {"rpm": team.rpm, "tpm": team.tpm, "daily_usd": team.daily_nano_usd / NANO},
                "used": {
                    "requests": usage.requests,
                    "tokens": usage.tokens,
                    "usd_today": usage.spent_nano_usd / NANO,
                    "usd_reserved": usage.reserved_nano_usd / NANO,
                },
                "shared": usage.shared,
                "unanswered": {name: did.get(name, 0) for name in UNANSWERED},
                "last_request_s": did.get(LAST_REQUEST),
                "judge_pays": await _paid(gateway, team.name),
            }
        )
    return shown


async def _did(gateway: Gateway, team: str) -> Mapping[str, int]:
    """The sums of all gateways; of this one alone while Redis is away."""
    try:
        return await gateway.counters.shared(team)
    except StoreUnavailable:
        return {name: count for (of, name), count in gateway.counters.totals.items() if of == team}


async def _paid(gateway: Gateway, team: str) -> bool | None:
    try:
        return pays(await gateway.counters.yesterday(team))
    except StoreUnavailable:
        return None


async def cache(gateway: Gateway) -> dict[str, Any]:
    """What the caches hold and did, per team and over all gateways, and what the shadow sample says."""
    shown: dict[str, Any] = {}
    for name in gateway.config.teams:
        did = await gateway.counters.shared(name)
        answered = {tier: did.get(tier, 0) for tier in ("exact", "semantic", "alias", "miss", "bypass")}
        hits = answered["exact"] + answered["semantic"] + answered["alias"]
        asked = hits + answered["miss"]
        shown[name] = {
            "bytes": await gateway.entry_store.used_bytes(name),
            "bytes_allowed": gateway.config.cache.bytes_per_team,
            "entries": {tier: await _entries(gateway, name, tier) for tier in TIERS},
            "answers": answered,
            "hit_rate": hits / asked if asked else None,
            "saved_usd": did.get("saved_nano_usd", 0) / NANO,
        }
        if gateway.semantic is not None:
            await gateway.semantic.replica.sync(name)
            shown[name] |= {
                "judge": await _judge(gateway, name, did),
                "shadow": await gateway.semantic.shadow_sample.estimate(name),
            }
    on = {tier: "on" if gateway.switches.cache_on(tier) else "off" for tier in CACHE_TIERS}
    return {
        "teams": shown,
        "switches": on,
        "mirrored_entries": len(gateway.semantic.replica) if gateway.semantic else 0,
    }


async def _judge(gateway: Gateway, team: str, did: Mapping[str, int]) -> dict[str, Any]:
    """What the judge did, cost and saved for a team, and what was learned from it."""
    assert gateway.semantic is not None
    labels = await gateway.semantic.labels.of(team)
    calls, lookups = did.get("judge_calls", 0), did.get("lookups", 0)
    return {
        "mode": gateway.config.teams[team].semantic,
        "calls": calls,
        "calls_per_1000_lookups": 1000 * calls / lookups if lookups else None,
        "yes": did.get("judge_yes", 0),
        "mean_ms": did.get("judge_ms", 0) / calls if calls else None,
        "spent_usd": did.get("judge_nano_usd", 0) / NANO,
        "saved_usd": did.get("semantic_saved_nano_usd", 0) / NANO,
        "served_by": {how: did.get(f"served_{how}", 0) for how in ("same", "judge", "similarity", "alias")},
        "labels": len(labels),
        "serves_unjudged_from": labels.serve_from(gateway.semantic.max_wrong),
        "pays": pays(await gateway.counters.yesterday(team)),
    }


async def _entries(gateway: Gateway, team: str, tier: Tier) -> int:
    """Rows of the tier's log: its entries, the expired ones not yet trimmed included."""
    return int(await gateway.store.call("XLEN", gateway.entry_store.names(team).log(tier)))


def status(gateway: Gateway) -> dict[str, Any]:
    """This process: readiness, traces, Redis, versions."""
    traces = asdict(gateway.tracer.counts()) if gateway.tracer else None
    return {
        "ready": not gateway.not_ready(),
        "reasons": gateway.not_ready(),
        # Since its start; of nobody's team, or of all of them.
        "wrong_keys": gateway.counters.wrong_keys,
        "own_failures": dict(gateway.counters.own_failures),
        "switches": gateway.switches.shown(),
        "redis": {"available": gateway.store.available},
        "traces": traces,
        "delivery": _delivery(gateway),
        "versions": {"litellm": version("litellm")},
    }


def _delivery(gateway: Gateway) -> dict[str, Any] | None:
    """Whether traces arrived; None if there is no Langfuse."""
    delivery = gateway.delivery
    if delivery is None:
        return None
    if delivery.last is None:
        return {"failed": delivery.failed, "why": delivery.why}
    return {"failed": False, **asdict(delivery.last)}


async def _wrong(gateway: Gateway, body: bytes) -> Reply:
    """Take back an answer that an operator found wrong, of whichever team it is."""
    try:
        asked = json.loads(body)
        entry, team = str(asked["entry"]), asked.get("team")
    except (ValueError, TypeError, KeyError, AttributeError):
        return error_reply(400, 'a body like {"entry": "semantic:..."} is needed', kind="invalid_request_error")
    if team is not None and team not in gateway.config.teams:
        return error_reply(404, f"there is no team {team!r}", kind="invalid_request_error")
    removed = 0
    try:
        for each in [team] if team is not None else gateway.config.teams:
            if gateway.semantic is not None:
                removed += (await take_back(gateway.entry_store, gateway.semantic.labels, each, entry)).entries
            else:
                removed += (await purge_entry(gateway.entry_store, each, entry)).entries
    except ValueError as error:
        return error_reply(400, str(error), kind="invalid_request_error")
    return json_reply(200, {"entry": entry, "removed": removed})


async def _purge(gateway: Gateway, body: bytes) -> Reply:
    try:
        asked = json.loads(body)
        team, entry = asked["team"], asked.get("entry")
    except (ValueError, TypeError, KeyError, AttributeError):
        return error_reply(400, 'a body like {"team": "name"} is needed', kind="invalid_request_error")
    if team not in gateway.config.teams:
        return error_reply(404, f"there is no team {team!r}", kind="invalid_request_error")
    try:
        purged = await (
            purge_entry(gateway.entry_store, team, str(entry)) if entry else purge_team(gateway.entry_store, team)
        )
    except ValueError as error:
        return error_reply(400, str(error), kind="invalid_request_error")
    return json_reply(200, {"team": team, "purged": purged.entries})
