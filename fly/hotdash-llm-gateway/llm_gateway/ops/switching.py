"""The operator throws a kill switch, or takes it back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ..api.reply import Reply, error_reply, json_reply
from ..switches import CACHE_TIERS, cache_switch, team_switch

if TYPE_CHECKING:
    from ..gateway import Gateway

FORM = '{"cache": "exact" | "semantic" | "all", "to": "off" | "on"} or {"team": NAME, "to": "frozen" | "thawed"}'
LONGEST_WHY = 200


async def switch(gateway: Gateway, body: bytes) -> Reply:
    """Answer one change. Raises StoreUnavailable: nothing was changed."""
    try:
        asked = json.loads(body)
        tier, team, to = asked.get("cache"), asked.get("team"), asked.get("to")
        why = str(asked.get("why") or "")[:LONGEST_WHY]
    except (ValueError, AttributeError):
        tier = team = to = None
    if tier in (*CACHE_TIERS, "all") and team is None and to in ("off", "on"):
        names = [cache_switch(each) for each in (CACHE_TIERS if tier == "all" else (tier,))]
    elif isinstance(team, str) and tier is None and to in ("frozen", "thawed"):
        # A team that is frozen and has left the configuration since may still be thawed.
        if team not in gateway.config.teams and (to == "frozen" or gateway.switches.frozen(team) is None):
            return error_reply(404, f"there is no team {team!r}", kind="invalid_request_error")
        names = [team_switch(team)]
    else:
        return error_reply(400, f"a body like {FORM} is needed", kind="invalid_request_error")
    changed = await gateway.switches.change(names, thrown=to in ("off", "frozen"), why=why)
    return json_reply(200, {"changed": changed, "thrown": gateway.switches.shown()})
