"""What a run on production reports: a sentence a milestone, under the right phase, and its end once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ops.reports.completion import CUTOVER, complete
from ops.reports.milestones import Reporter
from ops.reports.recording import Recorder, outbox
from ops.runbook import progress
from ops.runbook.errors import RunbookError
from ops.runbook.journal import Journal
from ops.runbook.lock import held
from ops.runbook.run import run
from ops.runbook.step import Step, blocked, missing, satisfied
from ops.session.compose import compose
from ops.targets.deployment import Deployment
from tests.runbook.support import put

SMOKE = dataclasses.replace(put("4.1", "test.smoke", ("d",)), look=lambda deployment: satisfied("200"), check=True)
STEPS = [
    put("1.1", "a"),
    put("1.2", "b", ("a",)),
    put("2.1", "c"),
    put("3.1", "d", ("b", "c")),
    SMOKE,
    put("5.1", "e"),
]
PHASES = ["Phase 1 Setup", "Phase 2 Build", "Phase 3 Deploy", "Phase 4 Test", "Phase 5 Document"]


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    deployment = compose("fly", {})
    return dataclasses.replace(deployment, paths=dataclasses.replace(deployment.paths, state=tmp_path))


def reports(
    deployment: Deployment,
    steps: list[Step[dict[str, Any]]],
    state: dict[str, Any],
    during: Callable[[Reporter], None] = lambda reporter: None,
) -> list[tuple[str, ...]]:
    """What one command queues: script and arguments."""
    journal, box = Journal(deployment.paths.state / "journal.jsonl"), outbox(deployment)
    before = len(box.queued())
    reporter = Reporter(deployment, journal, STEPS, box)
    during(reporter)
    run(steps, state, [Recorder(journal, deployment.target_name, "inv deploy.all"), reporter])
    return [(entry.script, *entry.arguments) for entry in box.queued()[before:]]


def test_every_phase_is_reported_once_in_order_with_what_its_reader_needs(deployment: Deployment) -> None:
    """R5: phase, percent, evidence that opens, and the true next action; 100 % is what completion says."""
    logged = reports(deployment, STEPS, {})
    identity = ("log-progress.ts", deployment.stack.stack.agent, deployment.stack.stack.task)
    assert all(report[:3] == identity for report in logged)
    assert [report[4].partition(" complete: ")[0] for report in logged] == PHASES
    assert [report[4].partition(" complete: ")[2] for report in logged][:2] == ["1.1 A, 1.2 B", "2.1 C"]
    shares = [int(report[3]) for report in logged]
    assert shares == sorted(shares)
    assert shares[-1] <= 99
    url = f"https://{deployment.stack.domains.gateway}"
    assert [report[5] for report in logged][1:3] == [f"{deployment.stack.stack.folder}/Dockerfile", url]
    for report in logged:
        assert report[5].startswith("https://") or (deployment.paths.root / report[5]).is_file()
    assert logged[-1][6] == "Handing over: inv document.handoff --target fly"


def test_the_next_action_is_the_first_open_phase(deployment: Deployment) -> None:
    later = reports(deployment, [STEPS[2]], {})
    assert [report[6] for report in later] == ["Phase 1 Setup: inv setup.all --target fly"]
    state: dict[str, Any] = {"c": True}
    (first, *_) = reports(deployment, STEPS[:2], state)
    assert first[6] == "Phase 3 Deploy: inv deploy.all --target fly"


def test_a_run_that_changes_nothing_has_nothing_to_report(deployment: Deployment) -> None:
    state: dict[str, Any] = {}
    reports(deployment, STEPS[:4], state)
    assert reports(deployment, STEPS[:4], state) == []


def test_a_run_does_not_complete_the_task(deployment: Deployment) -> None:
    """R4: handing over does, when the whole checklist holds."""
    assert {report[0] for report in reports(deployment, STEPS, {})} == {"log-progress.ts"}


def test_the_task_is_completed_once_and_nothing_is_reported_after_it(deployment: Deployment) -> None:
    """R4: not again after a mended failure, a change, or in the next command."""
    state: dict[str, Any] = {}
    reports(deployment, STEPS, state)
    assert [complete(deployment), complete(deployment)] == [True, False]
    *_, last = outbox(deployment).queued()
    assert (last.script, last.arguments[0]) == ("complete-task.ts", deployment.stack.stack.task)
    assert f"https://{deployment.stack.domains.gateway}" in last.arguments[1]
    assert last.arguments[1].endswith(CUTOVER)
    del state["d"]
    assert reports(deployment, STEPS, state) == []
    broken = dataclasses.replace(SMOKE, look=lambda deployment: missing("500"))
    assert reports(deployment, [*STEPS[:4], broken, STEPS[5]], state) == []
    assert reports(deployment, STEPS, state) == []
    assert not complete(deployment)


def test_while_a_run_is_at_work_the_task_is_not_completed(deployment: Deployment) -> None:
    with held(deployment.paths.state / "lock", "inv deploy.all"), pytest.raises(RunbookError) as refused:
        complete(deployment)
    assert refused.value.code == "LOCK-001"
    assert outbox(deployment).queued() == []


def test_a_test_counts_only_while_nothing_is_deployed_after_it(deployment: Deployment) -> None:
    state: dict[str, Any] = {}
    reports(deployment, STEPS[:5], state)
    del state["d"]
    again = reports(deployment, STEPS[:4], state)
    assert [report[4] for report in again] == ["Phase 3 Deploy complete: 3.1 D"]
    assert again[0][6] == "Phase 4 Test: inv test.all --target fly"
    tested = reports(deployment, STEPS[:5], state)
    assert [report[4] for report in tested] == ["Phase 4 Test complete: 4.1 Test.Smoke"]


def test_what_a_person_must_give_is_reported_once_and_what_follows_from_it_is_not(deployment: Deployment) -> None:
    def act(state: dict[str, Any], say: object) -> None:
        raise RunbookError("X-001", "no key", next="put OPENAI_API_KEY into .env", blocked=True)

    waiting = dataclasses.replace(STEPS[2], look=lambda state: blocked("no token", next="put FLY_API_TOKEN into .env"))
    steps = [put("1.1", "a", act=act), STEPS[1], waiting, *STEPS[3:]]
    first = reports(deployment, steps, {})
    (report,) = [one for one in first if "Waiting" in one[4]]
    assert "put FLY_API_TOKEN into .env" in report[4]
    assert "put OPENAI_API_KEY into .env" in report[4]
    assert [one for one in reports(deployment, steps, {}) if "Waiting" in one[4]] == []


def test_a_wait_goes_through_its_own_script_where_the_repository_has_one(
    deployment: Deployment, tmp_path: Path
) -> None:
    repository = tmp_path / "shop"
    (repository / "scripts" / "agent").mkdir(parents=True)
    (repository / "scripts" / "agent" / "log-blocked.ts").touch()
    deployment.environ["PROGRESS_REPOSITORY"] = str(repository)
    waiting = dataclasses.replace(STEPS[0], look=lambda state: blocked("no token", next="put it into .env"))
    (report,) = reports(deployment, [waiting], {})
    assert report[:3] == ("log-blocked.ts", deployment.stack.stack.agent, deployment.stack.stack.task)


def test_a_failure_is_reported_at_once_and_its_phase_is_not_through(deployment: Deployment) -> None:
    def act(state: dict[str, Any], say: object) -> None:
        raise RunbookError("X-002", "disk full", next="df -h")

    steps = [STEPS[0], put("1.2", "b", ("a",), act=act), *STEPS[2:5]]
    found = reports(deployment, steps, {})
    assert [report[4] for report in found] == ["Step 1.2 B failed: disk full", "Phase 2 Build complete: 2.1 C"]
    assert found[0][6] == "df -h"


def test_two_silent_hours_are_reported_also_when_they_began_in_another_command(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports(deployment, STEPS[:2], {})
    monkeypatch.setattr("ops.reports.milestones.age_hours", lambda stamp: None if stamp is None else 2.5)

    def during(reporter: Reporter) -> None:
        reporter.started(STEPS[3], "deploying")
        reporter.tick()
        monkeypatch.setattr("ops.reports.milestones.age_hours", progress.age_hours)
        reporter.tick()  # it has just spoken

    found = reports(deployment, STEPS[:2], {"a": 1, "b": 1}, during=during)
    assert [report[4] for report in found] == ["Still at work on step 3.1 D"]
