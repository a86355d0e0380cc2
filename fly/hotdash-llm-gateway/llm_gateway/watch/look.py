"""One look: asks every gateway, Redis, ClickHouse, the object store and the public names, side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..store import Store, StoreUnavailable
from . import exposition, probe
from .probe import Unseen
from .seen import Seen, TeamSeen
from .settings import Places, Settings

Part = Mapping[str, Any]
"""Fields of `Seen`."""


class Looker:
    """Looks from one watch's place."""

    def __init__(self, places: Places, settings: Settings, store: Store) -> None:
        self._places, self._settings, self._store = places, settings, store

    async def look(self, now: float) -> Seen:
        """What is to be seen at `now` (seconds since 1970). Never raises: what cannot be seen is said to be so."""
        unseen: dict[str, str] = {}
        parts = await asyncio.gather(
            self._gateways(unseen),
            _seen("redis", self._redis(), unseen),
            _seen("disks", self._disks(), unseen),
            _seen("certificates", self._certificates(now), unseen),
        )
        seen = Seen(at=now)
        for part in parts:
            seen = replace(seen, **part)
        return replace(seen, unseen=unseen)

    async def _gateways(self, unseen: dict[str, str]) -> Part:
        """Every gateway for itself; then one of them for the figures of all."""
        try:
            addresses = await asyncio.to_thread(probe.addresses, self._places.gateway)
        except Unseen as error:
            addresses, unseen["gateway"] = [], str(error)
        answers = await asyncio.gather(*(asyncio.to_thread(self._one, address) for address in addresses))
        alive = {address: answer for address, answer in zip(addresses, answers, strict=True) if answer is not None}
        if not alive:
            for source in ("gateway", "figures", "latency", "delivery"):
                unseen.setdefault(source, "no gateway answers")
            return {}
        counters: dict[str, Mapping[str, float]] = {}
        waiting, timed = 0, True
        for address, (_, metrics) in alive.items():
            if metrics is None:
                unseen["gateway"] = f"{address} does not show its metrics"
                continue
            waiting += int(exposition.total(metrics, "gateway_traces_waiting"))
            counts = {"lost": exposition.total(metrics, "gateway_traces_total", result="lost")}
            latency = exposition.latency(metrics)
            timed = timed and latency is not None
            counters[address] = {**counts, **(latency or {})}
        if not timed or not counters:
            unseen["latency"] = "the gateways' metrics have no histogram of request times"
        delivered = await asyncio.to_thread(self._delivered, next(iter(alive)), unseen)
        part = {
            "delivered": delivered,
            "gateways": {address: reasons for address, (reasons, _) in alive.items()},
            "traces_waiting": waiting,
        }
        try:
            shared, teams = await asyncio.to_thread(self._figures, next(iter(alive)))
            return {**part, "counters": {**counters, "shared": shared}, "teams": teams}
        except Unseen as error:
            unseen["figures"] = str(error)
            return {**part, "counters": counters}

    def _one(self, address: str) -> tuple[tuple[str, ...], exposition.Exposition | None] | None:
        """Why a gateway is not ready, and its metrics; None if it does not answer at all."""
        key = self._places.operator_key
        try:
            status, body = probe.json_of(f"{address}/health/readiness", key=key, also=(503,))
        except Unseen:
            return None
        said = body.get("reasons") or ["not ready"]
        reasons = () if status == 200 else tuple(str(reason) for reason in said)
        try:
            metrics = exposition.parse(probe.text_of(f"{address}/metrics", key=key))
        except Unseen:
            metrics = None
        return reasons, metrics

    def _delivered(self, address: str, unseen: dict[str, str]) -> tuple[int, int] | None:
        """What a gateway found of the delivery of traces."""
        try:
            _, status = probe.json_of(f"{address}/gateway/admin/status", key=self._places.operator_key)
            found = status.get("delivery") or {}
            if found.get("failed"):
                raise Unseen(str(found.get("why")))
            return (int(found["counted"]), int(found["shown"])) if "counted" in found else None
        except Unseen as error:
            unseen["delivery"] = str(error)
        except (AttributeError, KeyError, TypeError, ValueError):
            unseen["delivery"] = "the gateway's status is not as known"
        return None

    def _figures(self, address: str) -> tuple[dict[str, float], dict[str, TeamSeen]]:
        """What all gateways counted together, and each team's day. Raises Unseen."""
        key = self._places.operator_key
        _, teams = probe.json_of(f"{address}/gateway/admin/teams", key=key)
        _, cache = probe.json_of(f"{address}/gateway/admin/cache", key=key)
        try:
            return counts(teams["teams"], cache["teams"]), _teams(teams["teams"], cache["teams"])
        except (KeyError, TypeError, AttributeError) as error:
            raise Unseen(f"the gateway's figures are not as known: {type(error).__name__} {error}") from None

    async def _redis(self) -> Part:
        """Of the fullest server of a cluster, since the teams it has are those whose writes are refused."""
        try:
            told = await self._store.memory()
        except StoreUnavailable as error:
            raise Unseen(str(error)) from None
        if not all(used for used, _ in told):
            raise Unseen("Redis does not say how much memory it uses")
        each = [(float(used), float(most or self._settings.redis_max_bytes)) for used, most in told]
        return {"redis": max(each, key=lambda one: one[0] / one[1] if one[1] else 0.0)}

    async def _disks(self) -> Part:
        """The shares in use of those volumes that there are."""
        places, asked = self._places, dict[str, Awaitable[float]]()
        if places.clickhouse:
            asked["ClickHouse"] = asyncio.to_thread(
                probe.clickhouse_disk, places.clickhouse, places.clickhouse_user, places.clickhouse_password
            )
        if places.store:
            asked["object store"] = asyncio.to_thread(probe.store_disk, places.store)
        found = await asyncio.gather(*asked.values(), return_exceptions=True)
        return {"disks": _all_seen(dict(zip(asked, found, strict=True)))}

    async def _certificates(self, now: float) -> Part:
        names = self._places.certificates
        asked = [asyncio.to_thread(probe.certificate_days, name, now) for name in names]
        found = await asyncio.gather(*asked, return_exceptions=True)
        return {"certificates": _all_seen(dict(zip(names, found, strict=True)))}


async def _seen(source: str, part: Awaitable[Part], unseen: dict[str, str]) -> Part:
    try:
        return await part
    except Unseen as error:
        unseen[source] = str(error)
        return {}


def _all_seen(found: Mapping[str, float | BaseException]) -> dict[str, float]:
    """The values. Raises Unseen if one is missing: what is left would look like all there is."""
    for name, value in found.items():
        if isinstance(value, BaseException):
            raise Unseen(f"{name}: {value}") from None
    return {name: float(value) for name, value in found.items() if not isinstance(value, BaseException)}


def counts(teams: Sequence[Mapping[str, Any]], cache: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """What all gateways counted, from their answers about teams and caches."""
    answers = [about["answers"] for about in cache.values()]
    hits = sum(each[tier] for each in answers for tier in ("exact", "semantic", "alias"))
    # What was shed should have had an answer, as what failed should. What was refused is on neither side of the rate:
    # the report goes by the same (ops/monitor/figures.py), and a test holds the two together.
    shed = sum(team["unanswered"].get("shed", 0) for team in teams)
    failed = shed + sum(team["unanswered"]["failed"] for team in teams)
    missed, bypassed = (sum(each[tier] for each in answers) for tier in ("miss", "bypass"))
    return {
        "requests": float(hits + missed + bypassed + failed),
        "failed": float(failed),
        "shed": float(shed),
        "hits": float(hits),
        "asked": float(hits + missed),
    }


def _teams(teams: list[Mapping[str, Any]], cache: Mapping[str, Mapping[str, Any]]) -> dict[str, TeamSeen]:
    found = {}
    for team in teams:
        shadow = cache.get(team["name"], {}).get("shadow") or {}
        found[team["name"]] = TeamSeen(
            usd=float(team["used"]["usd_today"]),
            daily_usd=float(team["limits"]["daily_usd"]),
            checked=int(shadow.get("sampled", 0)),
            wrong_low=float(shadow.get("low", 0.0)),
            judge_pays=team.get("judge_pays"),
        )
    return found
