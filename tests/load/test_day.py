"""A day's traffic in its short form: what is counted anywhere is what was sent, to the request and to the cent."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator

import pytest

from ops.document import dashboard
from tests.integration.gateway.harness import PACKAGE, SHIPPED_PYTHON
from tests.load import agreeing, mix, sending
from tests.load.sending import Books
from tests.load.stage import Stage, stage

REQUESTS = int(os.environ.get("LOAD_REQUESTS", "300"))


@pytest.fixture(scope="module")
def sent() -> Iterator[tuple[Stage, Books]]:
    """The traffic has been sent, and all that it began is over."""
    day = list(mix.day(REQUESTS, seed=1))
    with stage() as up:
        books = asyncio.run(sending.send(up.gateway.url, up.gateway.keys, day, up.prices))
        agreeing.settled(up, len(day))
        yield up, books


def test_everything_that_counts_says_what_was_sent(sent: tuple[Stage, Books]) -> None:
    assert list(agreeing.differences(*sent)) == []


ONLY_TROUBLE_MOVES = {
    "gateway_fallback", "gateway_wrong_keys", "gateway_own_failures", "gateway_traces_waiting",
    "gateway_traces_waiting_bytes",
}  # fmt: skip
OF_BEFORE = {"gateway_judge_pays", "gateway_traces_delivery"}
"""Of whole days and hours, of which there is none yet."""


def test_every_metric_that_is_listed_moves_with_the_traffic(sent: tuple[Stage, Books]) -> None:
    """A figure that nothing ever adds to would look like good news."""
    seen, suffix = agreeing.scrape(sent[0]), {"counter": "_total", "histogram": "_count", "gauge": ""}
    moved = {name for (name, _), value in seen.items() if value}
    families = dashboard.listed(PACKAGE)
    still = {name for name, family in families.items() if name + suffix[family["type"]] not in moved}
    assert still - OF_BEFORE == ONLY_TROUBLE_MOVES


DELIVERY = """
import asyncio, json, sys, time
from llm_gateway.environment import LangfuseAccess
from llm_gateway.tracing.delivery import Delivery

told = json.load(sys.stdin)

async def history(team, days):
    return {int(hour): named for hour, named in told["teams"][team].items()}

made = Delivery(LangfuseAccess(*told["access"]), told["teams"], history, clock=lambda: time.time() + 7200)
asyncio.run(made.look())
print(json.dumps([made.last.counted, made.last.shown] if made.last else made.why))
"""


def test_the_gateway_finds_in_langfuse_every_trace_that_it_sent(sent: tuple[Stage, Books]) -> None:
    """As its own task will ask in two hours: with what it ships, of a Langfuse that is held to the contract."""
    stage, books = sent
    told = stage.target.admin("POST", "/gateway/admin/history", {"days": "2"})
    access = [stage.gateway.environment[f"LANGFUSE_{name}"] for name in ("HOST", "PUBLIC_KEY", "SECRET_KEY")]
    done = subprocess.run(
        [str(SHIPPED_PYTHON), "-c", DELIVERY],
        input=json.dumps({"teams": told["teams"], "access": access}),
        cwd=PACKAGE, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    all_ = sum(books.requests.values())
    assert json.loads(done.stdout) == [all_, all_]


def test_a_single_request_more_or_a_cent_less_is_seen(sent: tuple[Stage, Books]) -> None:
    """The comparison can fail."""
    stage, books = sent
    books.requests["admin", "answered"] += 1
    books.saved_nano["admin", "exact"] += 20_000_000
    try:
        found = list(agreeing.differences(stage, books))
    finally:
        books.requests["admin", "answered"] -= 1
        books.saved_nano["admin", "exact"] -= 20_000_000
    assert {each.split(":")[0] for each in found} == {"Langfuse", "the gateway", "metrics", "saved by exact"}


def test_the_mix_is_what_it_says_and_the_same_for_a_seed() -> None:
    day = list(mix.day(4000, seed=7))
    assert day == list(mix.day(4000, seed=7))
    assert day != list(mix.day(4000, seed=8))
    kinds = Counter(asked.kind for asked in day)
    for kind, share in mix.SHARES.items():
        assert abs(kinds[kind] / len(day) - share) < 0.03, kind
    assert {asked.team for asked in day} == set(mix.TEAMS)
    assert all(asked.after is None or asked.after < asked.number for asked in day)
