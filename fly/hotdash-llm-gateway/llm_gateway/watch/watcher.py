"""One watch at work: looks, judges, remembers, writes. Of several only the one with the lease does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from . import alerts
from . import history as past
from .memory import Memory
from .rules import Finding, evaluate
from .seen import Seen
from .settings import Settings

log = logging.getLogger(__name__)

KEPT_SENT = 100
"""Mails that are remembered after they have gone."""
FIRST_RETRY_S, LONGEST_RETRY_S = 30.0, 600.0
Look = Callable[[float], Awaitable[Seen]]
Send = Callable[[Mapping[str, Any]], None]
"""Blocks; raises whatever keeps the mail from being sent."""


def start() -> dict[str, Any]:
    """The state before the first look."""
    return {**alerts.empty(), "history": past.empty(), "usd": {}, "retry": {"tries": 0, "at": 0.0, "why": ""}}


class Watcher:
    """The watch.

    Args:
        look: sees how everything is; never raises for what it cannot see.
        send: hands a mail to a server; None keeps all mails in the outbox.
    """

    def __init__(self, settings: Settings, memory: Memory, look: Look, send: Send | None) -> None:
        self._settings, self._memory, self._look, self._send = settings, memory, look, send
        self.findings: list[Finding] = []

    async def tick(self, now: float) -> bool:
        """One look and what follows from it; False if another watch works.

        Args:
            now: seconds since 1970.
        """
        if not await self._memory.claim():
            return False
        seen = await self._look(now)
        state, self.findings = judged(self._memory.state, seen, self._settings)
        if not await self._memory.keep(state):
            return False
        await self.deliver(now)
        return True

    async def deliver(self, now: float) -> None:
        """Send what waits, in order. What fails is tried again later, and holds up what comes after it."""
        while self._send is not None and self._memory.state["outbox"]:
            if now < self._memory.state["retry"]["at"] or not await self._memory.claim():
                return
            if not self._memory.state["outbox"]:
                return  # Another one had sent it.
            mail = self._memory.state["outbox"][0]
            try:
                await asyncio.to_thread(self._send, mail)
            except Exception as error:
                log.warning("mail %s not sent: %s", mail["id"], error)
                tries = self._memory.state["retry"]["tries"] + 1
                pause = min(FIRST_RETRY_S * 2 ** min(tries - 1, 10), LONGEST_RETRY_S)
                retry = {"tries": tries, "at": now + pause, "why": str(error)[:200]}
                await self._memory.keep({**self._memory.state, "retry": retry})
                return
            log.info("mail %s sent", mail["id"])
            await self._memory.keep(_sent(self._memory.state, mail, now))


def judged(state: Mapping[str, Any], seen: Seen, settings: Settings) -> tuple[dict[str, Any], list[Finding]]:
    """The state after one look, and the look's findings. Pure."""
    history = past.after(state["history"], seen)
    findings = evaluate(seen, history, settings)
    usd = _dollars(state["usd"], seen)
    new = alerts.advance({**state, "history": history, "usd": usd}, findings, seen.at, settings)
    return alerts.summarise(new, figures(history, usd, seen.at), seen.at, settings), findings


def figures(history: Mapping[str, Any], usd: Mapping[str, Any], now: float) -> list[str]:
    """Lines about the last 24 hours, for the summary. What was not watched is said to be unknown."""
    hour = int(now // past.HOUR_S)
    hours = [past.hourly(history, hour - back) for back in range(24)]
    if not any(hours):
        return ["Traffic: none was seen."]
    sums = {name: sum(each.get(name, 0.0) for each in hours) for name in past.HOURLY}
    rate = f"{sums['hits'] / sums['asked']:.0%}" if sums["asked"] else "unknown"
    failed = f"{sums['failed'] / sums['requests']:.2%}" if sums["requests"] else "unknown"
    lines = [f"Traffic: {sums['requests']:.0f} requests, {failed} failed, hit rate {rate}."]
    before = usd.get("before") or {}
    if before:
        teams = ", ".join(f"{team} {spent:.2f}" for team, spent in sorted(before["teams"].items()))
        lines.append(f"Dollars on {before['day']}: {sum(before['teams'].values()):.2f} ({teams}).")
    return lines


def _dollars(usd: Mapping[str, Any], seen: Seen) -> dict[str, Any]:
    """What each team has spent today, and on the day before."""
    if not seen.teams:
        return dict(usd)
    day = datetime.fromtimestamp(seen.at, UTC).strftime("%Y-%m-%d")
    teams = {name: round(team.usd, 6) for name, team in seen.teams.items()}
    before = usd.get("before") if usd.get("day") in (day, None) else {"day": usd["day"], "teams": usd["teams"]}
    return {"day": day, "teams": teams, "before": before}


def _sent(state: Mapping[str, Any], mail: Mapping[str, Any], now: float) -> dict[str, Any]:
    gone = {"id": mail["id"], "subject": mail["subject"], "at": int(now)}
    return {
        **state,
        "outbox": [each for each in state["outbox"] if each["id"] != mail["id"]],
        "sent": [*state["sent"], gone][-KEPT_SENT:],
        "retry": {"tries": 0, "at": 0.0, "why": ""},
    }
