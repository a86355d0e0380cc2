"""One run of the runbook from a command: the lock, the journal, the reports, the console, the exit code."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import invoke

from ops.phases.table import all_steps
from ops.runbook import lock, plan, proc, run
from ops.runbook.advice import advice
from ops.runbook.beside import Beside
from ops.runbook.errors import EXIT_OK, Interrupted, RunbookError
from ops.runbook.files import NO_LINK
from ops.runbook.step import Status, Step
from ops.session.choice import Choice
from ops.session.opening import open_deployment
from ops.targets.deployment import Deployment

if TYPE_CHECKING:
    from ops.reports.milestones import Reporter
    from ops.runbook.courier import Courier
    from ops.runbook.journal import Journal
    from ops.runbook.plan import Plan, Planned
    from ops.runbook.progress import Entry
    from ops.runbook.run import Observer, Result


EVERYTHING = Choice()


def execute(
    c: invoke.Context,
    keys: Collection[str],
    target: str,
    json: bool,
    yes: bool = False,
    first: Callable[[Deployment], None] = lambda deployment: None,
    choice: Choice = EVERYTHING,
    wait: bool = False,
    kept_plan: str = "",
    last: Callable[[Deployment], Sequence[str]] | None = None,
) -> None:
    """Run the steps with these keys, and what they need. Under --dry the executor shows their plan instead.

    Tests only look: what they need is not brought about for them. Production asks before it is changed.

    Args:
        yes: the operator has said that production may be changed.
        first: done before the steps, once nobody else can change anything.
        choice: which of the steps; the others are only looked at where they are needed.
        wait: another run that is at work is waited for.
        kept_plan: a file; only what that plan names is acted on, and only if all is as it was when it was made.
        last: asked of what then runs, when all went well; the answers are the last lines on standard error.

    Raises:
        invoke.Exit: when the run did not end well.
        Interrupted: after everything has been put in order.
    """
    deployment = open_deployment(target)
    # A broken description, state folder or vault is refused before anything is touched.
    _ = deployment.stack, deployment.target, deployment.vault.names()
    with contextlib.ExitStack() as held:
        command = " ".join(["inv", *sys.argv[1:]])
        held.enter_context(lock.held(deployment.paths.state / "lock", command, wait=_say if wait else None))
        # Where others may deploy from other machines, the target locks them out as well. Before the steps are
        # loaded: a target that is far away begins to look here.
        held.enter_context(deployment.target.exclusive())
        first(deployment)
        asked = Beside(partial(last, deployment)) if last else None
        steps = all_steps(deployment)
        picked = choice.among(keys, steps)
        chosen = run.with_needs(steps, picked.keys)
        looked_at = {**only_looked_at(chosen, picked.keys), **picked.left_out}
        made = plan.make(chosen, deployment) if kept_plan or deployment.target.production else None
        if made and kept_plan:
            from ops.session import saved

            acting = saved.pending(Path(kept_plan), deployment, made)
            looked_at |= {step.key: "inv plan, and another run" for step in chosen if step.key not in acting}
        if made and deployment.target.production:
            looked_at |= not_shown(made, made)
            if _ask(made, chosen, looked_at, deployment, yes):
                # A person was waited for, and the world may have moved.
                again = plan.make(chosen, deployment)
                looked_at |= not_shown(made, again)
                made = again
        result = _recorded(chosen, picked.keys, looked_at, steps, deployment, json, command, made)
    if json:
        from ops.runbook.report import run_document

        print(run_document(deployment.target_name, chosen, result))
    if result.interrupted is not None:
        raise Interrupted(result.interrupted)
    if result.exit_code != EXIT_OK:
        raise invoke.Exit(code=result.exit_code)
    if last and asked:
        for line in last(deployment) if result.count(Status.CHANGED) else asked.answer():
            _say(line)


def _say(text: str) -> None:
    from ops.runbook.secret import redactor
    from ops.runbook.table import fitted

    print("\n".join(fitted(redactor(text).splitlines(), sys.stderr)), file=sys.stderr, flush=True)


def _ask(
    made: Plan, chosen: Sequence[Step[Deployment]], looked_at: Mapping[str, str], deployment: Deployment, yes: bool
) -> bool:
    """Show what would change in production and have it confirmed; whether a person was waited for."""
    from ops.session import consent

    acting = [step.key for step in chosen if step.key not in looked_at and not step.check]
    effects = {step.key: step.effect for step in chosen if step.effect and step.key in acting}
    return bool(effects) and consent.ask(deployment.stack, made, effects, yes)


def _recorded(
    chosen: Sequence[Step[Deployment]],
    asked: Collection[str],
    looked_at: Mapping[str, str],
    steps: dict[str, Step[Deployment]],
    deployment: Deployment,
    json: bool,
    command: str,
    made: Plan | None,
) -> Result:
    """A real run: journaled and reported. What the plan saw a moment ago is not looked at again."""
    from ops.reports.recording import Recorder
    from ops.runbook.journal import Journal

    journal = Journal(deployment.paths.state / "journal.jsonl")
    observers: list[Observer] = [Recorder(journal, deployment.target_name, command)]
    courier = None
    # A rehearsal's log is its journal: nobody else waits for its progress.
    if deployment.target.production:
        courier, reporter = _reporting(deployment, journal, steps)
        observers.append(reporter)
        courier.start()
    patience: float | None = 0.0
    try:
        result = _run(chosen, asked, looked_at, deployment, observers, json, made)
        if result.interrupted is None:
            patience = None
        return result
    except Interrupted as interrupted:
        journal.write("interrupted", signal=interrupted.signum)
        raise
    except RunbookError:
        # The journal cannot be written, so nothing more may be done: what is under way is stopped.
        proc.stop_all()
        raise
    finally:
        if courier is not None:
            _deliver(courier, patience)


def _reporting(
    deployment: Deployment, journal: Journal, steps: dict[str, Step[Deployment]]
) -> tuple[Courier, Reporter]:
    """The reporter of a run on production, and who carries its reports."""
    from ops.reports.milestones import Reporter
    from ops.reports.recording import outbox, scripts
    from ops.runbook.courier import Courier

    box = outbox(deployment)
    reporter = Reporter(deployment, journal, list(steps.values()), box)
    courier = Courier(box, scripts(deployment), reporter.tick)
    reporter.wake = courier.wake
    return courier, reporter


def _deliver(courier: Courier, patience: float | None) -> None:
    """Deliver what can be delivered; the last lines say what could not be, and why."""
    try:
        courier.finish(_say, patience)
    finally:
        left = courier.outbox.undelivered()
        if left:
            _say(advice(undelivered(left, courier.problem)))


def undelivered(left: Sequence[Entry], problem: RunbookError | None) -> str:
    """Which reports have not arrived, why, and what to do."""
    whys = [f"{entry.name}: {entry.why}" for entry in left if entry.why]
    if problem is not None:
        whys.append(problem.what)
    return "\n".join(
        [
            f"progress: {len(left)} reports not delivered: {', '.join(entry.name for entry in left)}",
            *(f"  why:  {why}" for why in whys),
            "  next: inv progress.show, then inv progress.flush or inv progress.drop NAME",
        ]
    )


def _run(
    chosen: Sequence[Step[Deployment]],
    asked: Collection[str],
    looked_at: Mapping[str, str],
    deployment: Deployment,
    observers: Sequence[Observer],
    json: bool,
    made: Plan | None,
) -> Result:
    from ops.runbook.console import Plain, view

    def crash_log(text: str) -> None:
        # A disk that is full must not stop the run from saying so.
        with contextlib.suppress(OSError):
            place = os.open(
                deployment.paths.state / "crash.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT | NO_LINK, 0o600
            )
            with os.fdopen(place, "a", encoding="utf-8") as out:
                out.write(text + "\n")

    # Steps that are only needed, and are as wanted, are counted instead of listed.
    asked = {step.key for step in chosen if step.key in asked or (step.phase == 0 and "setup.secrets" in asked)}
    screen = Plain(sys.stderr, asked) if json else view(asked=asked)
    known = {step.key: step.look for step in made.steps if step.look is not None} if made else None
    return run.run(chosen, deployment, [*observers, screen], brought_by=looked_at, known=known, crash_log=crash_log)


def not_shown(shown: Plan, now: Plan) -> dict[str, str]:
    """The steps of which nobody was told that they would act, by key, with what brings them about.

    Those that could not be looked at, and those that differ by now and did not when the plan was shown.
    """
    told = {step.key for step in shown.steps if _differs(step)}
    unseen = [step.key for step in now.steps if step.error is not None or (_differs(step) and step.key not in told)]
    return dict.fromkeys(unseen, "inv plan, and another run")


def _differs(step: Planned) -> bool:
    return step.look is not None and step.look.state in plan.PENDING


def only_looked_at(chosen: Sequence[Step[Deployment]], asked: Collection[str]) -> dict[str, str]:
    """The steps of a run that only its tests need, by key, with the command that brings them about."""
    steps = {step.key: step for step in chosen}
    acting = {step.key for step in run.with_needs(steps, [key for key in asked if not steps[key].check])}
    return {step.key: "inv deploy.all" for step in chosen if step.key not in acting and not step.check}
