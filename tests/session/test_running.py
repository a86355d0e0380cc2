"""A run from a command: what goes wrong outside the steps' own logic is still told, and ends the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.phases.table import with_reasons
from ops.runbook import plan, run
from ops.runbook.errors import RunbookError
from ops.runbook.step import Look, Status, Step, missing, satisfied
from ops.session import running as session
from ops.session.opening import COMMAND
from ops.targets.deployment import Deployment
from tests.integration.checkout import Checkout
from tests.targets.local import support


def fails(deployment: Deployment) -> Look:
    raise ValueError("a fault of ours")


@pytest.mark.timeout(20)
def test_a_fault_is_told_also_where_its_details_cannot_be_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment = support.deployment(tmp_path / "no such folder")
    result = session._run([Step("1.1", "a", "A step", "fails", fails)], ["a"], {}, deployment, [], False, None)
    assert result.outcomes["a"].status is Status.FAILED
    assert "unexpected ValueError: a fault of ours" in capsys.readouterr().out


@pytest.mark.parametrize("later", [missing("not there"), satisfied("there")])
def test_what_the_plan_could_not_look_at_is_not_done_without_a_word(later: Look) -> None:
    """Production was asked about what the plan shows; a look that failed a moment ago shows nothing."""
    looks, acted = [1], list[str]()

    def look(context: None) -> Look:
        if looks.pop():
            looks.append(0)
            raise RunbookError("FLY-001", "no answer for a moment")
        looks.append(0)
        return later

    step: Step[None] = Step("1.1", "a.b", "A step", "restarts", look, lambda context, say: acted.append("act"))
    made = plan.make([step], None)
    known = {each.key: each.look for each in made.steps if each.look is not None}
    outcome = run.run([step], None, [], brought_by=session.not_shown(made, made), known=known).outcomes["a.b"]
    assert acted == []
    if later.satisfied:
        assert outcome.status is Status.OK
    else:
        assert (outcome.status, outcome.next) == (Status.FAILED, "inv plan, and another run")


def test_what_came_to_differ_while_a_person_thought_is_not_done_either() -> None:
    world, acted = {"a": False, "b": True}, list[str]()

    def step(key: str) -> Step[None]:
        def act(context: None, say: object) -> None:
            acted.append(key)
            world[key] = True

        return Step("1.1", key, key, "restarts", lambda context: satisfied("") if world[key] else missing(""), act)

    steps = [step("a"), step("b")]
    shown = plan.make(steps, None)
    world["b"] = False
    now = plan.make(steps, None)
    known = {each.key: each.look for each in now.steps if each.look is not None}
    done = run.run(steps, None, [], brought_by=session.not_shown(shown, now), known=known)
    assert acted == ["a"]
    assert (done.outcomes["a"].status, done.outcomes["b"].status) == (Status.CHANGED, Status.FAILED)


def breaks(deployment: Deployment) -> Look:
    raise ConnectionResetError(104, "Connection reset by peer")


def test_a_broken_connection_is_not_taken_for_a_full_disk() -> None:
    with pytest.raises(ConnectionResetError):
        with_reasons(breaks)(support.deployment(Path("/")))


def test_what_the_system_refuses_a_step_is_no_fault_of_the_runbook(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "checkout")
    checkout.state.mkdir(parents=True, mode=0o700)
    (checkout.state / "validated").write_text("a file where a folder belongs")
    done = checkout.inv("build.dockerfile")
    assert done.returncode == 1
    assert f"failed       2.1    Write the Dockerfile: {checkout.state}/validated: File exists" in done.stdout
    assert "more: inv explain RUN-006" in done.stdout
    assert not (checkout.state / "crash.log").exists()


@pytest.mark.parametrize(
    ("text", "completed"),
    [
        ("inv deploy.domains --target fly", "inv deploy.domains --target fly"),
        ("inv deploy.destroy --name x --target fly", "inv deploy.destroy --name x --target fly"),
        ("inv deploy.domains", "inv deploy.domains --target fly"),
        ("inv vault.rotate KEY --yes", "inv vault.rotate --target fly KEY --yes"),
        ("inv deploy.logs, then inv plan --target fly", "inv deploy.logs --target fly, then inv plan --target fly"),
        ("inv setup.secrets then inv deploy.all", "inv setup.secrets --target fly then inv deploy.all --target fly"),
        ("inv local.down and inv explain X-1", "inv local.down and inv explain X-1 --target fly"),
        ("inv explain FLY-001 or inv explain LOCAL-001", "inv explain FLY-001 or inv explain LOCAL-001"),
    ],
)
def test_advice_names_the_target_once(text: str, completed: str) -> None:
    """R26."""
    assert COMMAND.sub(r"\g<0> --target fly", text) == completed
