"""A simulated day by a virtual clock, with outages of OpenAI, Langfuse, Redis and the mail server in it.

Redis and the mail server are real, and are really stopped; what the watch sees is made up minute by minute.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import pytest
from llm_gateway.store import Store
from llm_gateway.watch import history as past
from llm_gateway.watch import post
from llm_gateway.watch.memory import Memory
from llm_gateway.watch.seen import Seen, TeamSeen
from llm_gateway.watch.settings import Smtp
from llm_gateway.watch.watcher import Watcher, start

from tests.gateway.mail_server import MailServer
from tests.gateway.valkey_server import ValkeyServer
from tests.gateway.watch.watching import BEGIN, DAY, HOUR, MINUTE, settings, well

OPENAI_AWAY = (60, 90)
NOT_READY = (120, 140)
GATEWAYS_DOWN = (180, 200)
LANGFUSE_AWAY = (240, 300)
REDIS_AWAY = (360, 390)
MAIL_AWAY = (480, 570)
BUDGET = (490, 560)
MISSING = (300, 330)
DISK = (500, 520)
MISSES = (600, 720)
QUIET = (780, 900)
CERTIFICATE = (960, 990)
DISKS_UNSEEN = (1020, 1050)
SPEND = (1080, 1440)
MEMORY = (1140, 1200)
WRONG = (1200, 1230)
JUDGE = (1230, 1260)
EXPECTED = {
    "errors.all", "latency.all", "gateway-not-ready.all", "gateway-down.all", "unseen.gateway", "unseen.figures",
    "unseen.latency", "unseen.delivery", "traces-missing.all", "traces-waiting.all", "traces-lost.all", "unseen.redis",
    "team-budget.sales", "disk.ClickHouse", "hit-rate.all", "quiet.all", "certificate.gateway.example.com",
    "unseen.disks", "spend.all", "redis-memory.all", "cache-wrong.sales", "judge-cost.sales",
}  # fmt: skip
TWICE = {"unseen.figures", "gateway-not-ready.all"}
"""Those whose cause comes twice: the gateways are down, and Redis is away."""


class World:
    """What there is to see, minute by minute."""

    def __init__(self) -> None:
        self._shared: Counter[str] = Counter()
        self._own: Counter[str] = Counter()

    def at(self, minute: int) -> Seen:
        """The look of a minute; call it for every minute, in order."""

        def during(span: tuple[int, int]) -> bool:
            return span[0] <= minute < span[1]

        now = BEGIN + minute * MINUTE
        if not during(QUIET) and not during(GATEWAYS_DOWN):
            failed = 30 if during(OPENAI_AWAY) else 0
            hits = 0 if during(MISSES) else 40
            self._shared.update(requests=100, failed=failed, hits=hits, asked=100 - failed)
            self._own.update({"timed": 60, "le:1.0": 0 if during(OPENAI_AWAY) else 60, "le:5.0": 60})
        if during((LANGFUSE_AWAY[0] + 30, LANGFUSE_AWAY[1])):
            self._own.update(lost=5)
        seen = well(now, dict(self._shared), traces_waiting=2000 if during(LANGFUSE_AWAY) else 3)
        seen = replace(seen, counters={**seen.counters, "http://one:4000": dict(self._own)})
        usd = 60.0 if during(SPEND) else 45.0 if during(BUDGET) else 1.0
        limit = 1000.0 if during(SPEND) else 50.0
        team = TeamSeen(usd, limit, 200, 0.03 if during(WRONG) else 0.0, not during(JUDGE))
        seen = replace(seen, teams={"sales": team})
        if during(NOT_READY):
            seen = replace(seen, gateways={"http://one:4000": (), "http://two:4000": ("self-test: limits",)})
        if during(DISK):
            seen = replace(seen, disks={"ClickHouse": 0.91, "object store": 0.1})
        if during(CERTIFICATE):
            seen = replace(seen, certificates={"gateway.example.com": 13.0})
        if during(DISKS_UNSEEN):
            seen = replace(seen, unseen={"disks": "ClickHouse: does not answer"}, disks={})
        if during(MISSING):
            seen = replace(seen, delivered=(500, 400))
        if during(MEMORY):
            seen = replace(seen, redis=(85.0, 100.0))
        if during(REDIS_AWAY):
            away = dict.fromkeys(seen.gateways, ("Redis has been away",))
            counters = {name: counts for name, counts in seen.counters.items() if name != "shared"}
            unseen = {"redis": "Redis is away", "figures": "Redis did not do it"}
            seen = replace(seen, unseen=unseen, gateways=away, counters=counters, teams={})
        if during(GATEWAYS_DOWN):
            unseen = dict.fromkeys(("gateway", "figures", "latency", "delivery"), "no gateway answers")
            seen = replace(seen, unseen=unseen, gateways={}, counters={}, teams={}, traces_waiting=0, delivered=None)
        return seen


@pytest.mark.timeout(180)
def test_over_a_day_with_outages_every_alert_begins_once_and_ends_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with ValkeyServer(appendonly=True) as valkey, MailServer() as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        asyncio.run(_live(valkey, server))
        mails, ids = server.mails(), server.ids()
    assert len(ids) == len(set(ids)), "none twice"
    kinds: dict[str, list[str]] = {"begin": [], "over": [], "summary": []}
    for name in ids:
        kind, _, about = name.partition(".")
        kinds[kind].append(about.rpartition(".")[0])
    expected = Counter(EXPECTED) + Counter(TWICE)
    assert Counter(kinds["begin"]) == expected
    assert Counter(kinds["over"]) == expected
    assert len(kinds["summary"]) == 1
    # In order: an alert is over after it has begun, also where both were written while the mail server was away.
    for name in ids:
        if name.startswith("over."):
            assert ids.index(name) > ids.index("begin." + name.removeprefix("over."))
    dates = [mail["Date"].datetime for mail in mails]
    assert dates == sorted(dates)
    told = dict(zip(ids, mails, strict=True))
    over = next(mail for name, mail in told.items() if name.startswith("over.errors"))
    assert over["In-Reply-To"] in {mail["Message-ID"] for mail in mails}
    begun = next(mail for name, mail in told.items() if name.startswith("begin.errors"))
    text = begun.get_content()
    assert "of 1000 requests failed in 10 min (limit 1.0%)" in text
    assert "./inv cutover.verify" in text
    assert "llm-gateway-incident.md#alert-errors" in text
    assert "Since:  2024-10-04 01:00 UTC" in text
    summary = next(mail for name, mail in told.items() if name.startswith("summary")).get_content()
    assert "errors/all began" in summary
    assert "requests" in summary


async def _live(valkey: ValkeyServer, server: MailServer) -> None:
    """The day, and half an hour of the next."""
    store = Store(valkey.url, prefix="t:", timeout_s=2.0, breaker_open_s=0.1)
    said, world, minute = settings(), World(), 0
    state = {**start(), "summary": "the day before", "history": _weeks()}
    memory = Memory(store, state, lease_s=0.05)

    async def look(now: float) -> Seen:
        return world.at(minute)

    watcher = Watcher(said, memory, look, partial(_send, Smtp.parse(server.url), said))
    try:
        await store.start()
        await memory.claim()
        await asyncio.sleep(0.06)  # A lease: nobody else has it.
        for minute in range(1440 + 30):
            if minute == REDIS_AWAY[0]:
                valkey.stop()
            if minute == REDIS_AWAY[1]:
                valkey.start()
                await store.wait_available()
            if minute == MAIL_AWAY[0]:
                server.stop()
            if minute == MAIL_AWAY[1]:
                server.start()
            assert await watcher.tick(BEGIN + minute * MINUTE)
        assert memory.state["outbox"] == []
    finally:
        await store.close()


def _send(smtp: Smtp, said: object, mail: Mapping[str, object]) -> None:
    post.send(smtp, mail, settings())


def _weeks() -> dict[str, object]:
    """A week of traffic before."""
    hours = {
        str(int((BEGIN - hour * HOUR) // HOUR)): {"requests": 6000.0, "hits": 2400.0, "asked": 6000.0, "failed": 0.0}
        for hour in range(1, int(8 * DAY / HOUR))
    }
    return {**past.empty(), "hours": hours}
