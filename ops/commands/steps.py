"""The commands of a phase: one for each of its steps, and one for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from invoke import Context, Task

from ops.commands.dry import Plans
from ops.commands.task import task
from ops.phases.table import included, phases
from ops.runbook.phase import Phase
from ops.runbook.step import Step

if TYPE_CHECKING:
    from ops.session.choice import Chosen
    from ops.targets.deployment import Deployment


def phase_tasks(phase: Phase[Deployment]) -> tuple[Task[Any], ...]:
    """The tasks of a phase, in the order of its steps; `all` is the last."""
    return (*map(step_task, phase.steps), all_task(phase))


CHOICE = {
    "only": "only these steps, by number or command, with commas; and what they need",
    "skip": "not these steps",
    "from_": "not the steps before this one",
    "wait": "wait for another run that is at work",
}


def step_task(step: Step[Deployment]) -> Task[Any]:
    """The task that runs one step and what it needs."""
    plans = Plans(lambda **options: [step.key])
    if step.key == "test.quota":
        from ops.commands.testing import quota

        return task(quota, dry=plans, key="test this team instead of the probe; spends its quota")

    def body(c: Context, target: str = "", json: bool = False, yes: bool = False, wait: bool = False) -> None:
        from ops.session.running import execute

        execute(c, [step.key], target, json, yes, wait=wait)

    body.__doc__ = f"{step.number:<6}{step.name}.\n\n{step.purpose}."
    return task(body, step.key.split(".", 1)[1], dry=plans, wait=CHOICE["wait"])


def _still_so(deployment: Deployment) -> list[str]:
    """What an operator switched off, which stays off over a deploy."""
    from ops.reports.switches import told

    return [f"still so: {line}" for line in told(deployment)]


def all_task(phase: Phase[Deployment]) -> Task[Any]:
    """The task that runs a whole phase, the phases it includes, and what they need."""
    keys = [step.key for step in included(phase)]

    def body(
        c: Context,
        target: str = "",
        json: bool = False,
        yes: bool = False,
        only: str = "",
        skip: str = "",
        from_: str = "",
        wait: bool = False,
    ) -> None:
        from ops.session.choice import Choice
        from ops.session.running import execute

        execute(c, keys, target, json, yes, choice=Choice(only, skip, from_), wait=wait)

    def deploy(
        c: Context,
        target: str = "",
        json: bool = False,
        yes: bool = False,
        only: str = "",
        skip: str = "",
        from_: str = "",
        wait: bool = False,
        release: bool = False,
        plan: str = "",
    ) -> None:
        from ops.commands.deploying import end_hold
        from ops.session.choice import Choice
        from ops.session.running import execute

        first = end_hold if release else lambda deployment: None
        choice = Choice(only, skip, from_)
        execute(c, keys, target, json, yes, first=first, choice=choice, wait=wait, kept_plan=plan, last=_still_so)

    def chosen(only: str = "", skip: str = "", from_: str = "", **options: Any) -> Chosen:
        from ops.session.choice import Choice

        return Choice(only, skip, from_).among(keys, {step.key: step for each in phases() for step in each.steps})

    plans = Plans(lambda **options: chosen(**options).keys, lambda **options: chosen(**options).left_out)
    whole = deploy if phase.name == "deploy" else body
    whole.__doc__ = phase.all
    help: dict[str, Any] = {"release": "lift the hold of a rollback, and go forward", **CHOICE}
    help["plan"] = "apply the plan kept in this file by inv plan --out, as it stands or not at all"
    return task(whole, "all", dry=plans, **help)
