"""Far more requests at once than a gateway can have under way: who is answered, who is sent away, and how soon.

Then a stop and a kill in the middle of a burst. The provider takes `SLOW_S` for each answer, so that all are under way
together. The edge chooses between two gateways; without it the burst meets one.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.integration.gateway.harness import GatewayProcess, wait_until
from tests.load.burst import Got, ask, burst, get, post
from tests.load.edged import Edged
from tests.load.measuring import percentile
from tests.load.mix import CHAT, TEAMS

SLOW = "kind=slow"
WITHIN_S = 120.0
HEALTH_EVERY_S, HEALTH_WITHIN_S = 0.2, 5.0
LIMITED_TEAM, LIMIT = "admin", 20
"""A team that may have a limit, of so many requests a minute."""
SHED_WITHIN_S = 1.0
"""This and `HEALTH_WITHIN_S`, after which Fly's own check gives up, are goals of the long form alone."""


@dataclass(frozen=True)
class Burst:
    """What became of so many requests at once, and of the questions after the gateway's health meanwhile."""

    got: Sequence[Got]
    health: Sequence[Got]

    @property
    def answered(self) -> list[Got]:
        return [each for each in self.got if each.status == 200]

    @property
    def shed(self) -> list[Got]:
        return [each for each in self.got if each.shed]

    @property
    def wrong(self) -> list[str]:
        """What was neither answered nor sent away as it has to be, and health that was not well."""
        of = [f"{each.status} {each.lost}".strip() for each in self.got if each.status != 200 and not each.shed]
        return of + [f"health: {each.status} {each.lost}".strip() for each in self.health if each.status != 200]

    def figures(self) -> dict[str, Any]:
        """For a person or a program; seconds."""
        shed, healthy = [each.began_s - each.at for each in self.shed], [each.ended_s - each.at for each in self.health]
        first = min((each.at for each in self.got), default=0.0)
        return {
            "answered": len(self.answered),
            "shed": dict(Counter(str(each.status) for each in self.shed)),
            "shed_p50_s": percentile(shed, 0.5),
            "shed_most_s": max(shed, default=0.0),
            "wrong": dict(Counter(self.wrong)),
            "all_ended_after_s": max((each.ended_s - first for each in self.got if each.status), default=0.0),
            "health_asked": len(self.health),
            "health_p50_s": percentile(healthy, 0.5),
            "health_most_s": max(healthy, default=0.0),
        }


def questions(stage: Edged, word: str, count: int, teams: Sequence[str] = tuple(TEAMS)) -> list[bytes]:
    """So many different requests of the teams in turn that the provider answers slowly."""
    return [
        post(
            stage.domain,
            CHAT,
            stage.keys[teams[number % len(teams)]],
            {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": f"{word} {number} {SLOW}"}]},
        )
        for number in range(count)
    ]


async def at_once(stage: Edged, address: tuple[str, int], word: str, count: int) -> Burst:
    """Send them, and ask after health all the while."""
    health: list[Got] = []
    asking = asyncio.create_task(_ask_after_health(stage, address, health))
    got = await burst(address, questions(stage, word, count), WITHIN_S)
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    return Burst(got, health)


async def _ask_after_health(stage: Edged, address: tuple[str, int], health: list[Got]) -> None:
    question = get(stage.domain, "/health/liveliness")
    while True:
        health.append(await ask(address, question, WITHIN_S))
        await asyncio.sleep(HEALTH_EVERY_S)


@dataclass(frozen=True)
class Ended:
    """A gateway ended in the middle: how many requests it had taken by then, and what became of all that were sent.

    `exit_code` is the gateway's; `left_s` the seconds from the signal to its end.
    """

    under_way: int
    got: Sequence[Got]
    exit_code: int
    left_s: float

    @property
    def lost(self) -> list[str]:
        """Requests that were neither answered nor sent away as they have to be."""
        return [f"{each.status} {each.lost}".strip() for each in self.got if each.status != 200 and not each.shed]

    def figures(self) -> dict[str, Any]:
        """For a person or a program."""
        return {
            "sent": len(self.got),
            "under_way": self.under_way,
            "answered": sum(each.status == 200 for each in self.got),
            "lost": dict(Counter(self.lost)),
            "gateway_ended_after_s": self.left_s,
        }


async def ended(
    stage: Edged, gateway: GatewayProcess, address: tuple[str, int], word: str, count: int, how: signal.Signals
) -> Ended:
    """End one gateway with a signal when so many requests, of teams without a limit, have reached the provider."""
    before = await asyncio.to_thread(_admitted, gateway)
    unlimited = [team for team in TEAMS if team != LIMITED_TEAM]
    sending = asyncio.create_task(burst(address, questions(stage, word, count, unlimited), WITHIN_S))
    await asyncio.to_thread(wait_until, lambda: stage.provider.asked(f"{word} ") >= count or sending.done(), WITHIN_S)
    under_way = await asyncio.to_thread(_admitted, gateway) - before
    began = time.monotonic()
    code = await asyncio.to_thread(gateway.stop, how)
    left = time.monotonic() - began
    return Ended(under_way, await sending, code, left)


def reserved(stage: Edged) -> int:
    """Reservations of all teams that nobody has settled."""
    with stage.valkey.client() as redis:
        return sum(int(redis.zcard(f"gw:limits:{{{team}}}:open")) for team in TEAMS)


def in_window(stage: Edged) -> int:
    """Requests and tokens of all teams that count in the sliding minute now, as the gateway that is left says."""
    with next(each for each in stage.gateways if each.process is not None).operator() as operator:
        teams = operator.get("/gateway/admin/teams").raise_for_status().json()["teams"]
    return sum(team["used"]["requests"] + team["used"]["tokens"] for team in teams if team["name"] in TEAMS)


def _admitted(gateway: GatewayProcess) -> int:
    with gateway.operator() as operator:
        text = operator.get("/metrics").raise_for_status().text
    rows = re.findall(r'^gateway_limiter_decisions_total{.*"admitted.*} (\d+)', text, re.MULTILINE)
    return sum(map(int, rows))
