"""One error rate: report, watch, the Grafana dashboard and the one in Langfuse make the same of the same counts."""

from __future__ import annotations

import json
import random
import re
import subprocess
from collections import Counter
from datetime import timedelta

import pytest

from ops.description import read
from ops.document import dashboard
from ops.monitor import counted
from ops.render import langfuse_widgets as widgets
from tests.cutover.langfuse import Holding, observation, unanswered
from tests.integration.checkout import ROOT
from tests.integration.gateway.harness import PACKAGE, SHIPPED_PYTHON
from tests.monitor.support import NOW
from tests.monitor.test_dashboards import asked

ENDS = (*counted.TIERS, "failed", "limited", "malformed", "frozen", "shed")
WATCH = """
import json, sys
from llm_gateway.watch import look

for named in json.load(sys.stdin):
    found = look.counts([{"unanswered": named}], {"shop": {"answers": named}})
    print(found["failed"], found["requests"])
"""
Counts = dict[str, int]


def some() -> list[Counts]:
    """Counts of requests by how they ended, as the gateways keep them."""
    source = random.Random(7)
    every = [{end: int(end == one) for end in ENDS} for one in ENDS]
    return every + [{end: source.choice((0, 1, source.randrange(500))) for end in ENDS} for _ in range(100)]


def test_the_watch_makes_the_same_of_the_gateways_counts_as_the_report() -> None:
    done = subprocess.run(
        [str(SHIPPED_PYTHON), "-c", WATCH],
        input=json.dumps(some()), cwd=PACKAGE, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    for named, line in zip(some(), done.stdout.splitlines(), strict=True):
        failed, requests = map(float, line.split())
        rate = counted.figures(named).error_rate
        assert (failed / requests if requests else None) == (None if rate is None else pytest.approx(rate)), named


def test_the_grafana_dashboard_makes_the_same_of_them() -> None:
    stack = read.read(ROOT / "ops" / "stack.toml", {})
    panels = json.loads(dashboard.text(stack, dashboard.listed(PACKAGE)))["panels"]
    (expr,) = [panel["targets"][0]["expr"] for panel in panels if panel["title"] == "Error rate"]
    above, below = (re.compile(outcome) for outcome in re.findall(r'outcome=~"([^"]+)"', expr))
    for named in some():
        by_outcome: Counter[str] = Counter()
        for end, count in named.items():
            by_outcome["answered" if end in counted.TIERS else end] += count
        failed, all_ = (sum(n for outcome, n in by_outcome.items() if of.fullmatch(outcome)) for of in (above, below))
        assert (failed / all_ if all_ else None) == counted.figures(named).error_rate, named


def test_langfuse_shows_the_same_but_for_what_was_shed() -> None:
    """Of that there is no trace."""
    at = NOW - timedelta(hours=1)
    made = [observation(at, "prod_ceo") for _ in range(40)]
    made += [unanswered(at, "prod_ceo", "ERROR", 502, "broken") for _ in range(2)]
    made += [unanswered(at, "prod_ceo", "WARNING", status, "refused") for status in (400, 429, 429)]
    by_level = {each.title: each for each in widgets.wanted(read.read(ROOT / "ops" / "stack.toml", {}))}
    rows = asked(by_level["requests by level"], Holding(made))
    levels = {row["level"]: int(row["count_count"]) for row in rows}
    named = {"miss": 40, "failed": 2, "limited": 2, "malformed": 1}
    assert levels["ERROR"] / (levels["ERROR"] + levels["DEFAULT"]) == counted.figures(named).error_rate
