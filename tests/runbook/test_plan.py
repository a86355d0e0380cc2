"""The plan: three answers told apart, and exit codes a script can use."""

from __future__ import annotations

import dataclasses
import json

from ops.runbook import plan
from ops.runbook.console import plan_lines
from ops.runbook.errors import RunbookError
from ops.runbook.report import plan_document
from ops.runbook.step import Look, Step, blocked, drifted, missing, satisfied
from tests.runbook.support import Deployment, put


def refuse(deployment: Deployment) -> Look:
    raise RunbookError("PG-001", "the server does not answer", next="inv setup.schema")


def with_look(step: Step[Deployment], look: object) -> Step[Deployment]:
    return dataclasses.replace(step, look=look)  # type: ignore[arg-type]


def test_nothing_to_do_is_exit_code_0() -> None:
    made = plan.make([put("1.1", "a")], {"a": True})
    assert [step.answer for step in made.steps] == ["as wanted"]
    assert made.exit_code == 0


def test_pending_changes_are_exit_code_2_and_nothing_is_touched() -> None:
    deployment: Deployment = {}
    made = plan.make([put("1.1", "a")], deployment)
    assert [step.answer for step in made.steps] == ["differs"]
    assert made.exit_code == 2
    assert deployment == {}


def test_a_look_that_fails_while_its_need_is_open_is_not_knowable_yet() -> None:
    steps = [put("1.1", "a"), with_look(put("1.3", "c", ("b",)), refuse), put("1.2", "b", ("a",))]
    made = plan.make(steps, {"b": True})
    answers = {step.key: step for step in made.steps}
    assert answers["c"].answer == "not knowable"
    assert answers["c"].look is not None
    assert answers["c"].look.until == "1.1"
    assert made.exit_code == 2


def test_a_look_that_fails_with_all_needs_met_is_an_error_and_exit_code_1() -> None:
    made = plan.make([put("1.1", "a"), with_look(put("1.2", "b", ("a",)), refuse)], {"a": True})
    assert made.steps[1].answer == "error"
    assert made.exit_code == 1


def test_a_bug_in_a_look_is_an_error_not_a_traceback() -> None:
    def broken(deployment: Deployment) -> Look:
        raise KeyError("oops")

    made = plan.make([with_look(put("1.1", "a"), broken)], {})
    assert made.steps[0].error is not None
    assert made.steps[0].error.code == "RUN-001"


def test_a_check_is_listed_but_not_run() -> None:
    def explode(deployment: Deployment) -> Look:
        raise AssertionError("a plan must not run tests")

    made = plan.make([dataclasses.replace(with_look(put("4.1", "t"), explode), check=True)], {})
    assert made.steps[0].answer == "runs every time"
    assert made.exit_code == 0


def test_something_only_a_person_can_give_is_exit_code_3() -> None:
    made = plan.make([with_look(put("1.1", "a"), lambda deployment: blocked("no key", next="edit .env"))], {})
    assert made.exit_code == 3


def test_the_json_has_a_version_and_the_steps_in_order() -> None:
    steps = [
        with_look(put("1.2", "b"), lambda deployment: drifted("old", "old → new")),
        with_look(put("1.1", "a"), lambda deployment: satisfied("x")),
    ]
    document = json.loads(plan_document("local", plan.make(steps, {})))
    assert document["version"] == 1
    assert document["kind"] == "plan"
    assert document["pending"] == 1
    assert document["exit_code"] == 2
    assert [step["number"] for step in document["steps"]] == ["1.1", "1.2"]
    assert set(document["steps"][1]) == {
        "number",
        "key",
        "name",
        "answer",
        "evidence",
        "diff",
        "until",
        "code",
        "next",
    }
    assert document["steps"][1]["diff"] == "old → new"


def test_what_only_a_person_can_give_is_awaited_from_no_step() -> None:
    """R10: without a token every look of production fails, and no step of ours will make one."""

    def look(deployment: Deployment) -> Look:
        raise RunbookError("FLY-003", "no token", next="put FLY_API_TOKEN into .env", blocked=True)

    first = put("1.1", "a")
    made = plan.make([first, dataclasses.replace(put("3.1", "b", ("a",)), look=look)], {})
    assert [step.answer for step in made.steps] == ["differs", "blocked"]
    assert made.exit_code == 3
    (waiting,) = [step.look for step in made.steps if step.key == "b"]
    assert (waiting.evidence, waiting.next) == ("no token", "put FLY_API_TOKEN into .env")  # type: ignore[union-attr]


def test_what_a_step_can_only_begin_without_a_person_is_exit_code_3() -> None:
    """R10: a plan that says 2 although the deploy will end with "you must"."""
    made = plan.make(
        [with_look(put("1.1", "a"), lambda deployment: missing("2 to make", next="put KEY into .env"))], {}
    )
    assert [step.answer for step in made.steps] == ["differs"]
    assert (made.pending, made.exit_code) == (1, 3)
    assert plan_lines(made)[-2:] == ["you must:", "  - put KEY into .env"]
