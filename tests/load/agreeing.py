"""Whether report, costs, metrics and traces say what the sender of the traffic knows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import httpx

from ops.description.stack import Success
from ops.monitor import costs, report
from ops.monitor.costs import Costs
from ops.monitor.figures import Figures, Period
from ops.monitor.report import Report
from tests.integration.gateway.harness import wait_until
from tests.load.mix import TEAMS
from tests.load.sending import HITS, Books
from tests.load.stage import Stage

CENT = 0.01
GOALS = Success(cache_hit_rate=0.30, p95_latency_s=2.0, error_rate=0.01, daily_usd=50, quota_violations=0)
LINE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="([^"]*)"')


def settled(stage: Stage, requests: int) -> None:
    """Wait until all that was begun is over: checks of hits, and traces on their way."""

    def quiet() -> bool:
        teams = stage.target.admin("GET", "/gateway/admin/teams")["teams"]
        traces = stage.target.admin("GET", "/gateway/admin/status")["traces"]
        return not any(team["used"]["usd_reserved"] for team in teams) and traces["sent"] >= requests

    wait_until(quiet, 120)


def scrape(stage: Stage) -> Mapping[tuple[str, frozenset[tuple[str, str]]], float]:
    """The metrics, by name and labels."""
    text = httpx.get(f"http://127.0.0.1:{stage.gateway.metrics_port}/metrics").text
    return {(name, frozenset(LABEL.findall(labels or ""))): float(value) for name, labels, value in LINE.findall(text)}


def read(stage: Stage, now: datetime) -> tuple[Report, Costs]:
    """What an operator would be shown."""
    teams, period = [*TEAMS, "probe"], Period.back(timedelta(hours=2), now)
    found = report.look(stage.langfuse, stage.target, teams, list(TEAMS), period, now, GOALS)
    return found, costs.look(stage.langfuse, stage.target, teams, period, now, 0.0, GOALS.daily_usd)


def differences(stage: Stage, books: Books) -> Iterator[str]:
    """Everything that is not as the sender knows it; counts have to be exact, dollars right to the cent."""
    now = datetime.now(UTC)
    found, spent = read(stage, now)
    yield from books.wrong
    yield from (f"unknown: {each}" for each in (*found.unknown, *spent.unknown))
    yield from (f"disagree: {each}" for each in (*found.disagreements, *spent.disagreements))
    assert found.traces is not None
    assert found.counted is not None
    for source, seen in (("Langfuse", found.traces), ("the gateway", found.counted.seen())):
        for team in TEAMS:
            want, have = _figures(books, team), seen.of(team)
            for name in ("requests", "errors", "refused", "limited", "hits", "uncached"):
                if getattr(want, name) != getattr(have, name):
                    yield f"{source}: {team} {name} {getattr(have, name)}, sent {getattr(want, name)}"
    charged = stage.provider.spent_nano_usd(stage.prices) / 1e9
    assert spent.gateway is not None
    assert spent.langfuse is not None
    if abs(spent.gateway.usd - charged) >= CENT:
        yield f"the gateway spent ${spent.gateway.usd:.6f}, the provider charged ${charged:.6f}"
    own = sum(found.counted.seen().of(team).usd for team in [*TEAMS, "probe"])
    if abs(spent.langfuse.usd - own) >= CENT:
        yield f"Langfuse shows ${spent.langfuse.usd:.6f}, the gateway spent ${own:.6f} on requests"
    for tier in HITS:
        saved = sum(nano for (_, at), nano in books.saved_nano.items() if at == tier) / 1e9
        if abs((spent.saved or {})[tier] - saved) >= CENT:
            yield f"saved by {tier}: ${(spent.saved or {})[tier]:.6f}, it is ${saved:.6f}"
    yield from _metrics(scrape(stage), books)


def _metrics(seen: Mapping[tuple[str, frozenset[tuple[str, str]]], float], books: Books) -> Iterator[str]:
    requests, tiers, saved = Counter[tuple[str, str]](), Counter[tuple[str, str]](), Counter[str]()
    for (name, pairs), value in seen.items():
        labels = dict(pairs)
        if labels.get("team") not in TEAMS:
            continue
        if name == "gateway_requests_total":
            requests[labels["team"], labels["outcome"]] += int(value)
            if labels["outcome"] == "answered":
                tiers[labels["team"], labels["tier"]] += int(value)
        elif name == "gateway_saved_usd_total":
            saved[labels["team"]] += round(value * 1e9)
    if requests != books.requests:
        yield f"metrics: requests {dict(requests)}, sent {dict(books.requests)}"
    if tiers != books.tiers:
        yield f"metrics: tiers {dict(tiers)}, sent {dict(books.tiers)}"
    nano = Counter[str]()
    for (team, _), value in books.saved_nano.items():
        nano[team] += value
    if +saved != +nano:
        yield f"metrics: saved {dict(saved)} nano-USD, it is {dict(nano)}"


def _figures(books: Books, team: str) -> Figures:
    of = {outcome: count for (name, outcome), count in books.requests.items() if name == team}
    hits = sum(count for (name, tier), count in books.tiers.items() if name == team and tier in HITS)
    return Figures(
        requests=sum(of.values()),
        errors=of.get("failed", 0),
        refused=of.get("malformed", 0),
        limited=of.get("limited", 0),
        hits=hits,
        uncached=of.get("answered", 0) - hits,
    )
