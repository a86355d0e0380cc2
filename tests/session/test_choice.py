"""--only, --skip and --from: which steps of a command are run, and what becomes of the others."""

from __future__ import annotations

import pytest

from ops.runbook.errors import RunbookError
from ops.runbook.run import run, with_needs
from ops.runbook.step import Look, Status, Step, missing, satisfied
from ops.session.choice import Choice


def steps(there: set[str], acted: list[str]) -> dict[str, Step[None]]:
    """A chain a - b - c, and d on its own. Those in `there` are as wanted; an act is noted, and brings it about."""

    def step(number: str, key: str, *needs: str) -> Step[None]:
        def look(deployment: None) -> Look:
            return satisfied("there") if key in there else missing("not there")

        def act(deployment: None, say: object) -> None:
            acted.append(key)
            there.add(key)

        return Step(number, key, key, key, look, act, needs=needs)

    made = [step("1.1", "x.a"), step("1.2", "x.b", "x.a"), step("1.3", "x.c", "x.b"), step("1.4", "x.d")]
    return {each.key: each for each in made}


def outcome(choice: Choice, there: set[str]) -> tuple[list[str], dict[str, Status]]:
    acted: list[str] = []
    known = steps(there, acted)
    chosen = choice.among(list(known), known)
    result = run(with_needs(known, chosen.keys), None, [], brought_by=chosen.left_out)
    return sorted(acted), {key: each.status for key, each in result.outcomes.items()}


def test_without_a_choice_everything_is_run() -> None:
    assert outcome(Choice(), set())[0] == ["x.a", "x.b", "x.c", "x.d"]


def test_only_those_named_and_what_they_need() -> None:
    assert outcome(Choice(only="1.2"), set())[0] == ["x.a", "x.b"]
    assert outcome(Choice(only="x.d, 1.1"), set())[0] == ["x.a", "x.d"]


def test_what_needs_a_skipped_step_runs_only_if_that_is_as_wanted_already() -> None:
    acted, statuses = outcome(Choice(skip="1.2"), set())
    assert acted == ["x.a", "x.d"]
    assert statuses["x.c"] is Status.BLOCKED
    assert outcome(Choice(skip="x.b"), {"x.b"})[0] == ["x.a", "x.c", "x.d"]


def test_what_comes_before_the_first_is_not_acted_on() -> None:
    assert outcome(Choice(start="1.3"), {"x.a", "x.b"})[0] == ["x.c", "x.d"]
    acted, statuses = outcome(Choice(start="1.3"), {"x.a"})
    assert acted == ["x.d"]
    assert statuses["x.c"] is Status.BLOCKED


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (Choice(only="1.9"), "--only 1.9: this command has no such step"),
        (Choice(skip="x.bb"), "--skip x.bb: this command has no such step"),
        (Choice(only="1.4", skip="1.4"), "no step is left to run"),
    ],
)
def test_a_step_that_is_not_there_is_named(choice: Choice, said: str) -> None:
    known = steps(set(), [])
    with pytest.raises(RunbookError, match=said) as caught:
        choice.among(list(known), known)
    assert caught.value.code == "CLI-012"
