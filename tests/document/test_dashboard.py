"""The dashboard and the list of metrics belong together: nothing drawn that does not exist, nothing left out unsaid."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ops.description.paths import ROOT
from ops.development.architecture import gateway_folder
from ops.document import dashboard
from tests.render.support import SECOND_STACK_FILE, STACK_FILE, stack

METRICS = dashboard.listed(gateway_folder())
COMMITTED = ROOT / "docs" / "runbooks" / dashboard.NAME
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
SAMPLES = {f"{name}{suffix}": name for name, metric in METRICS.items() for suffix in SUFFIXES[metric["type"]]}


def expressions(text: str) -> list[str]:
    return [target["expr"] for panel in json.loads(text)["panels"] for target in panel.get("targets", [])]


def drawn(text: str) -> set[str]:
    return {name for expr in expressions(text) for name in re.findall(r"gateway_\w+", expr)}


def test_the_committed_dashboard_is_the_one_that_the_list_makes() -> None:
    assert COMMITTED.read_text() == dashboard.text(stack(STACK_FILE), METRICS)


def test_every_metric_on_it_exists_and_every_metric_is_on_it_or_says_why_not() -> None:
    shown = drawn(COMMITTED.read_text())
    assert shown <= set(SAMPLES)
    left_out = set(METRICS) - {SAMPLES[name] for name in shown}
    assert {name for name, metric in METRICS.items() if metric.get("unseen")} == left_out


def test_no_document_names_a_metric_that_does_not_exist() -> None:
    documents = [ROOT / "README.md", gateway_folder() / "README.md", *(ROOT / "docs").rglob("*.md")]
    named = {name for file in documents for name in re.findall(r"`(gateway_[a-z_]+)", file.read_text())}
    assert named - {*METRICS, *SAMPLES} == set()
    assert named


def test_a_metric_that_is_gone_is_noticed() -> None:
    """The check above can fail."""
    fewer = {name: metric for name, metric in METRICS.items() if name != "gateway_used"}
    assert "gateway_used" in drawn(dashboard.text(stack(STACK_FILE), fewer)) - set(fewer)


def test_labels_asked_for_are_the_metrics_own() -> None:
    for expr in expressions(COMMITTED.read_text()):
        for name, selector in re.findall(r"(gateway_\w+)\{([^}]*)\}", expr):
            asked = set(re.findall(r"(\w+)(?:=|!)", selector))
            assert asked <= {*METRICS[SAMPLES[name]]["labels"], "le"}, expr
        grouped = {label for found in re.findall(r"by \(([^)]*)\)", expr) for label in found.split(", ")}
        known = {label for name in re.findall(r"gateway_\w+", expr) for label in METRICS[SAMPLES[name]]["labels"]}
        assert grouped <= {*known, "le", "instance"}, expr


def test_brackets_close_and_panels_do_not_lie_on_each_other() -> None:
    made = json.loads(COMMITTED.read_text())
    for expr in expressions(COMMITTED.read_text()):
        for open_, close in ("()", "[]", "{}"):
            assert expr.count(open_) == expr.count(close), expr
    cells: set[tuple[int, int]] = set()
    for panel in made["panels"]:
        place = panel["gridPos"]
        own = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not own & cells, panel["title"]
        assert place["x"] + place["w"] <= dashboard.WHOLE
        cells |= own
    assert len({panel["id"] for panel in made["panels"]}) == len(made["panels"])


@pytest.mark.parametrize("file", [STACK_FILE, SECOND_STACK_FILE], ids=["first", "second"])
def test_goals_and_tests_are_the_stacks(file: Path) -> None:
    described = stack(file)
    made = dashboard.text(described, METRICS)
    lines = {
        panel["title"]: panel["fieldConfig"]["defaults"]["thresholds"]["steps"][-1]["value"]
        for panel in json.loads(made)["panels"]
        if panel["type"] != "row"
    }
    assert lines["P95"] == described.success.p95_latency_s
    assert lines["Cache hit rate"] == described.success.cache_hit_rate
    for team in described.resolved_teams:
        assert (f'"{team.name}"' in " ".join(expressions(made))) == bool(team.mirrors)
