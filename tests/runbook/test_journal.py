"""The journal: whole lines, no secrets, and no harm from a crash."""

from __future__ import annotations

import json
import stat
import threading
from pathlib import Path

import pytest

from ops.runbook.errors import RunbookError
from ops.runbook.journal import Journal
from ops.runbook.secret import Secret


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "state" / "journal.jsonl")


def test_each_event_is_one_json_line_with_version_and_time(journal: Journal) -> None:
    journal.write("step", step="a", status="ok")
    (line,) = journal.file.read_text().splitlines()
    event = json.loads(line)
    assert event["v"] == 1
    assert event["at"].endswith("Z")
    assert (event["event"], event["step"]) == ("step", "a")


def test_it_is_readable_by_its_owner_only(journal: Journal) -> None:
    journal.write("begin")
    assert stat.S_IMODE(journal.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(journal.file.parent.stat().st_mode) == 0o700


def test_a_secret_never_reaches_the_file(journal: Journal) -> None:
    value = Secret('pass"word\nümläut')
    journal.write("step", evidence=f"url postgres://u:{value.reveal()}@h", other="plain-" + Secret("abcdefgh").reveal())
    text = journal.file.read_text()
    assert "abcdefgh" not in text
    assert "ümläut" not in text


def test_a_line_cut_by_a_crash_is_ignored_and_does_not_spoil_the_next(journal: Journal) -> None:
    journal.write("one")
    with journal.file.open("a") as out:
        out.write('{"v": 1, "event": "ha')
    journal.write("two")
    assert [event["event"] for event in journal.read()] == ["one", "two"]


def test_many_writers_at_once_lose_nothing(journal: Journal) -> None:
    def write(number: int) -> None:
        for index in range(20):
            journal.write("step", step=f"{number}-{index}", status="ok", evidence="x" * 500)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(journal.read())) == 100
    assert len(journal.last_outcomes()) == 100


def test_the_newest_outcome_of_a_step_wins(journal: Journal) -> None:
    journal.write("step", step="a", status="failed")
    journal.write("step", step="a", status="changed")
    assert journal.last_outcomes()["a"]["status"] == "changed"


def test_a_full_disk_is_a_clear_error() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(RunbookError) as caught:
        Journal(full).write("begin")
    assert caught.value.code == "RUN-004"
