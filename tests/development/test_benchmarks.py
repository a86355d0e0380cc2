"""The benchmarks' page is what its figures say, and says where another does better."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from ops.description.paths import ROOT
from ops.development import benchmarks
from ops.development.benchmarks_page import SECTIONS, better, number, render

LOCK = ROOT / "tests" / "bench" / "peers" / "package-lock.json"


@pytest.fixture
def recorded() -> dict[str, Any]:
    """The figures behind the committed page, to be changed."""
    found: dict[str, Any] = json.loads(benchmarks.FIGURES.read_text(encoding="utf-8"))
    return found


def same_figures(value: float) -> dict[str, Any]:
    """What a contender told of a kind, all of it this value."""
    medians = ("cpu_ms", "redis_cpu_ms", "p50_ms", "per_s")
    spread = {key: {"min": value, "median": value, "max": value} for key in medians}
    return {**spread, "p95_ms": value, "p99_ms": value, "requests": 10}


def section(page: str, title: str) -> str:
    """A part of the page, from its heading to the next one of any rank."""
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", page, re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found[1]


def cells(page: str, title: str, first: str) -> list[str]:
    """The row of a section's table that begins with this cell."""
    lines = section(page, title).splitlines()
    return next(line for line in lines if line.startswith(f"| {first} |")).strip("| ").split(" | ")


def test_the_committed_page_is_made_from_the_committed_figures(recorded: dict[str, Any]) -> None:
    page = benchmarks.PAGE.read_text(encoding="utf-8")
    assert page == render(recorded)
    assert recorded.keys() == SECTIONS.keys() == benchmarks.MEASURED.keys()
    for name, (title, _) in SECTIONS.items():
        assert f"`./inv dev.bench {name}`" in section(page, title), "each figure names what measures it"
    assert "./inv dev.bench peers --write" in page


def test_each_contender_has_a_row_of_each_kind_it_was_asked(recorded: dict[str, Any]) -> None:
    page, peers = render(recorded), recorded["peers"]
    for kind in peers["kinds"].values():
        for name, figures in kind["contenders"].items():
            row = cells(page, kind["title"], name)
            assert row[0] == name
            assert row[1].startswith(f"{number(figures['cpu_ms']['median'])} (")
            assert row[5] == number(figures["p99_ms"])
    portkey = cells(page, "Ratios", "Exact hit")[-1]
    assert portkey == "no cache", "what was not measured is no figure"


def test_where_another_is_better_the_page_says_so(recorded: dict[str, Any]) -> None:
    peers = recorded["peers"]
    ours, *_, other = [it["name"] for it in peers["contenders"]]
    kind = peers["kinds"]["tool"]
    kind["contenders"] = {name: same_figures(10.0) for name in kind["contenders"]}
    assert not [line for line in better(peers) if line.startswith("Tool call")], "as good is not better"
    kind["contenders"][other]["per_s"]["median"] = 12.0
    kind["contenders"][other]["p95_ms"] = 8.0
    assert f"Tool call, {other}: 8.00 ms at p95 (10.0), 12.0 requests a second (10.0)." in better(peers)
    kind["contenders"][ours]["cpu_ms"]["median"] = 9.0
    page = section(render(recorded), "Where another is better")
    assert f"- Tool call, {other}: 8.00 ms at p95 (10.0), 12.0 requests a second (10.0)." in page
    assert f"{ours}:" not in page


def test_a_busy_machine_is_said_and_a_quiet_one_is_not(recorded: dict[str, Any]) -> None:
    machine = recorded["peers"]["machine"]
    said = []
    for load in (machine["cores"] * 4, machine["cores"] * 4 + 1):
        machine["load"] = load
        said.append("busy with other work" in render(recorded))
    assert said == [False, True]


def test_a_benchmark_that_told_nothing_is_named_and_the_others_stay(recorded: dict[str, Any]) -> None:
    whole = render(recorded)
    broken = copy.deepcopy(recorded)
    broken["interruption"] = {"not_measured": "it ended with 1 and told no figures"}
    page = render(broken)
    assert "Not measured: it ended with 1" in section(page, SECTIONS["interruption"][0])
    assert section(page, SECTIONS["books"][0]) == section(whole, SECTIONS["books"][0])


def test_goals_and_books_are_told_as_they_are(recorded: dict[str, Any]) -> None:
    recorded["shared_cache"] = {"figures": {"seen s": 0.25, "untold": 7}, "goals": {"seen s": True}}
    recorded["semantic_cost"] = {"figures": {"put p50 ms": 3.0}, "goals": {"put p50 ms": False}}
    recorded["books"] = {"requests": 9, "booked": 2_500_000, "charged": 2_000_000, "unsettled": 500_000, "error": 0.0}
    page = render(recorded)
    assert cells(page, SECTIONS["shared_cache"][0], "seen s") == ["seen s", "0.25", "met"]
    assert "untold" not in page
    assert cells(page, SECTIONS["semantic_cost"][0], "put p50 ms")[2] == "missed"
    assert "9 requests that end in every way: 0.002500 dollars booked" in section(page, SECTIONS["books"][0])


def test_what_is_measured_is_written_with_its_figures(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, recorded: dict[str, Any]
) -> None:
    asked: dict[str, tuple[str, ...]] = {}

    def measure(name: str, *options: str) -> dict[str, Any]:
        asked[name] = options
        return {"not_measured": "it is busy"} if name == "books" else dict(recorded[name])

    recorded["shared_cache"] = {"figures": {}, "goals": {}}
    monkeypatch.setattr(benchmarks, "measure", measure)
    monkeypatch.setattr(benchmarks, "FIGURES", tmp_path / "figures.json")
    monkeypatch.setattr(benchmarks, "PAGE", tmp_path / "page.md")
    assert benchmarks.write(rounds="3") == ["books"]
    assert asked["peers"] == ("--rounds", "3")
    assert asked["interruption"] == ("--minutes", "1")
    assert benchmarks.rendered(tmp_path / "figures.json") == (tmp_path / "page.md").read_text()


def test_a_benchmark_that_ends_without_figures_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmarks, "BENCH", "import sys; print('no JSON'); sys.exit(3)")
    assert benchmarks.measure("peers") == {"not_measured": "it ended with 3 and told no figures"}
    monkeypatch.setattr(
        benchmarks, "BENCH", "import json, sys; print(json.dumps({'words': sys.argv[1:]})); sys.exit(1)"
    )
    told = benchmarks.measure("peers", "--rounds", "2")
    assert told == {"words": ["peers", "--rounds", "2", "--json"]}, "a goal that was missed is a figure too"


def test_figures_have_three_digits_that_count() -> None:
    told = {0.0: "0", 0.00123: "0.001", 0.064: "0.06", 2.345: "2.35", 34.56: "34.6", 1234.5: "1234"}
    assert {value: number(value) for value in told} == told


def test_the_gateway_of_npm_has_hashes_and_no_address() -> None:
    packages = {name: found for name, found in json.loads(LOCK.read_text())["packages"].items() if name}
    assert "node_modules/@portkey-ai/gateway" in packages
    assert [name for name, found in packages.items() if "resolved" in found or "integrity" not in found] == []
