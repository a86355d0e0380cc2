"""Past runs as the journal has them, and as bars."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from ops.reports.history import Run, longest_chain, read
from ops.reports.timeline import bars, overview, page, took
from ops.runbook.journal import Journal
from tests.integration.checkout import Checkout

BEGAN = datetime(2026, 11, 28, 12, tzinfo=UTC)


def event(kind: str, after_s: float, **more: Any) -> dict[str, Any]:
    return {"v": 1, "at": (BEGAN + timedelta(seconds=after_s)).isoformat(), "event": kind, **more}


def step(key: str, ended_s: float, seconds: float, status: str = "ok") -> dict[str, Any]:
    return event("step", ended_s, step=key, number="1.1", status=status, evidence=f"<{key}>", seconds=seconds, code="")


EVENTS = [
    event("begin", 0, who="ann@host", target="local", command="inv deploy.all", steps=["a", "b", "c"]),
    step("a", 2, 2, "changed"),
    step("b", 3, 1),
    step("c", 9, 6, "changed"),
    event("end", 10, exit_code=0, seconds=10),
    event("begin", 20, target="local", command="inv test.all", steps=["a"]),
    step("a", 21, 1),
    event("interrupted", 22, signal=2, seconds=2),
    event("begin", 30, who="bob@host", target="local", command="inv plan", steps=[]),
]
NEEDS = {"b": ("a",), "c": ("a",)}


def test_runs_are_told_apart_and_counted() -> None:
    runs = read([event("end", 0, exit_code=0), *EVENTS])
    assert [(run.number, run.who, run.ending, run.seconds, len(run.changed)) for run in runs] == [
        (1, "ann@host", "exit 0", 10, 2),
        (2, "", "signal 2", 2, 0),
        (3, "bob@host", "", 0, 0),
    ]


def test_the_longest_chain_is_what_the_end_waited_for() -> None:
    (run, *_) = read(EVENTS)
    assert longest_chain(run, NEEDS) == {"a", "c"}
    assert longest_chain(read(EVENTS)[2], NEEDS) == set()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_bars_lie_where_the_time_went(width: int) -> None:
    (run, *_) = read(EVENTS)
    lines = bars(run, {"a", "c"}, width)
    drawn = [line for line in lines if "█" in line]
    assert [line.split()[0] for line in drawn] == ["*", "1.1", "*"]
    starts = [line.index("█") for line in drawn]
    assert starts[0] < starts[1] <= starts[2]
    assert drawn[2].count("█") > 2 * drawn[0].count("█")
    assert all(len(line) <= max(width, 60) for line in drawn)


def test_a_run_without_steps_and_an_empty_journal_are_said() -> None:
    assert bars(Run(1, BEGAN, "", "local", "inv x"), set(), 80)[-1] == "no step ended"
    assert overview([]) == ["no run yet"]


def test_the_page_is_whole_by_itself_and_escapes_what_was_said() -> None:
    (run, *_) = read(EVENTS)
    text = page(run, {"c"})
    opened: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            opened.append(tag)
            assert not any(name in ("src", "href") for name, _ in attrs)

    Reader().feed(text)
    assert opened.count("rect") == 3
    assert "&lt;c&gt;" in text
    assert "<c>" not in text
    assert "http" not in text


def test_lengths_of_time_are_short() -> None:
    assert [took(seconds) for seconds in (0.04, 9.94, 59.4, 61, 3725)] == [
        "0.0 s",
        "9.9 s",
        "59 s",
        "1 min 1 s",
        "1 h 2 min",
    ]


def test_a_run_is_in_the_journal_with_who_ran_it(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "checkout")
    assert checkout.inv("setup.structure").returncode == 0
    (run,) = read(Journal(checkout.state / "journal.jsonl").read())
    assert "@" in run.who
    assert run.command == "inv setup.structure"
    shown = checkout.inv("journal", "--run", "1")
    assert shown.returncode == 0
    assert "1.1 setup.structure" in shown.stdout
    assert "inv setup.structure" in checkout.inv("journal").stdout
    assert "CLI-013" in checkout.inv("journal", "--run", "7").stderr
