"""What a run reports: phases as they end, failures at once, the end once."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from ops.recording import Recorder, Reporter, outbox
from ops.runbook.journal import Journal
from ops.runbook.progress import Courier
from ops.runbook.run import run
from ops.runbook.step import Step, blocked
from ops.world import World
from tests.runbook.support import put

STEPS = [put("1.1", "a"), put("1.2", "b", ("a",)), put("2.1", "c", ("b",)), put("3.1", "d", ("c",))]


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World("local", {})
    world.paths = dataclasses.replace(world.paths, state=tmp_path)
    return world


def reports(world: World, steps: list[Step[dict[str, object]]], state: dict[str, object]) -> list[list[str]]:
    journal = Journal(world.paths.state / "journal.jsonl")
    box = outbox(world)
    before = len(box.waiting())
    reporter = Reporter(world, journal, STEPS, Courier(box, None))
    run(steps, state, [Recorder(journal, "local", "inv deploy.all"), reporter])
    return [[entry["script"], *entry["arguments"]] for entry in box.waiting()[before:]]


def test_each_phase_that_changed_something_is_reported_when_it_is_through(world: World) -> None:
    first, second, third, done = reports(world, STEPS, {})
    identity = [world.stack.stack.agent, world.stack.stack.task]
    assert first[:4] == ["log-progress.ts", *identity, "50"]
    assert first[4] == "Rehearsal: Phase 1: 1.1 A, 1.2 B"
    assert second[3] == "75"
    assert third[3] == "100"
    assert done[:2] == ["complete-task.ts", identity[1]]


def test_a_run_that_changes_nothing_has_nothing_to_report(world: World) -> None:
    state: dict[str, object] = {}
    reports(world, STEPS, state)
    assert reports(world, STEPS, state) == []


def test_what_only_a_person_can_give_is_reported_once_and_what_follows_from_it_is_not(world: World) -> None:
    def act(state: dict[str, object], say: object) -> None:
        from ops.runbook.errors import RunbookError

        raise RunbookError("X-001", "no key", next="put it in .env", blocked=True)

    steps = [put("1.1", "a", act=act), *STEPS[1:]]
    (report,) = reports(world, steps, {})
    assert "no key" in report[4]
    assert report[6] == "put it in .env"
    assert blocked("x", next="y").next == "y"
