"""What the operator may see and do: live limits, cache figures, purges. Opened by the operator's key only."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from ..api.reply import Reply, error_reply, json_reply
from ..api.routes import Route
from ..cache.ledger import TIERS, Tier
from ..cache.purge import purge_entry, purge_team
from ..settings import NANO
from ..store import StoreUnavailable
from . import metrics

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
        if route is Route.METRICS:
            text = metrics.render(gateway, await teams(gateway))
            return Reply(200, text.encode(), media_type="text/plain; version=0.0.4")
        return json_reply(200, status(gateway))
    except StoreUnavailable as error:
        return error_reply(503, f"Redis did not do it: {error}", kind="unavailable")


async def teams(gateway: Gateway) -> list[dict[str, Any]]:
    """Limits and live use of every team."""
    shown = []
    for team in gateway.config.teams.values():
        usage = await gateway.limiter.usage(team)
        shown.append(
            {
                "name": team.name,
                "semantic": team.semantic,
                "limits": {"rpm": team.rpm, "tpm": team.tpm, "daily_usd": team.daily_nano_usd / NANO},
                "used": {
                    "requests": usage.requests,
                    "tokens": usage.tokens,
                    "usd_today": usage.spent_nano_usd / NANO,
                    "usd_reserved": usage.reserved_nano_usd / NANO,
                },
                "shared": usage.shared,
            }
        )
    return shown


async def cache(gateway: Gateway) -> dict[str, Any]:
    """What the caches hold and did, per team and over all gateways, and what the shadow sample says."""
    shown: dict[str, Any] = {}
    for name in gateway.config.teams:
        did = await gateway.tally.shared(name)
        answered = {tier: did.get(tier, 0) for tier in ("exact", "semantic", "miss", "bypass")}
        asked = answered["exact"] + answered["semantic"] + answered["miss"]
        shown[name] = {
            "bytes": await gateway.ledger.used_bytes(name),
            "bytes_allowed": gateway.config.cache.bytes_per_team,
            "entries": {tier: await _entries(gateway, name, tier) for tier in TIERS},
            "answers": answered,
            "hit_rate": (answered["exact"] + answered["semantic"]) / asked if asked else None,
            "saved_usd": did.get("saved_nano_usd", 0) / NANO,
            "shadow": asdict(await gateway.shadow.estimate(name)),
        }
    mirror = gateway.mirror
    return {"teams": shown, "mirrored_entries": len(mirror.index) if mirror else 0}


async def _entries(gateway: Gateway, team: str, tier: Tier) -> int:
    """Rows of the tier's log: its entries, the expired ones not yet trimmed included."""
    return int(await gateway.store.call("XLEN", gateway.ledger.names(team).log(tier)))


def status(gateway: Gateway) -> dict[str, Any]:
    """This process: readiness, traces, Redis, versions."""
    traces = asdict(gateway.tracer.counts()) if gateway.tracer else None
    return {
        "ready": not gateway.not_ready(),
        "reasons": gateway.not_ready(),
        "redis": {"available": gateway.store.available},
        "traces": traces,
        "versions": {"litellm": version("litellm")},
    }


async def _purge(gateway: Gateway, body: bytes) -> Reply:
    try:
        asked = json.loads(body)
        team, entry = asked["team"], asked.get("entry")
    except (ValueError, TypeError, KeyError, AttributeError):
        return error_reply(400, 'a body like {"team": "name"} is needed', kind="invalid_request_error")
    if team not in gateway.config.teams:
        return error_reply(404, f"there is no team {team!r}", kind="invalid_request_error")
    try:
        purged = await (purge_entry(gateway.ledger, team, str(entry)) if entry else purge_team(gateway.ledger, team))
    except ValueError as error:
        return error_reply(400, str(error), kind="invalid_request_error")
    return json_reply(200, {"team": team, "purged": purged.entries})
