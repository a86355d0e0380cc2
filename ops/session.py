"""One run of the runbook from a command: the lock, the journal, the reports, the console, the exit code."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import invoke

from ops.runbook import interrupt, lock, plan, proc, run
from ops.runbook.advice import advice, complete_with
from ops.runbook.errors import EXIT_OK, Interrupted, RunbookError, is_refusal, refused
from ops.runbook.files import NO_LINK
from ops.runbook.step import Step
from ops.world import World

if TYPE_CHECKING:
    from ops.reporting import Reporter
    from ops.runbook.courier import Courier
    from ops.runbook.journal import Journal
    from ops.runbook.run import Observer, Result

P = ParamSpec("P")
R = TypeVar("R")

# A command with a target; the explanations, the rehearsal's and the project's own have none.
# One that names its target already, behind its other options, is complete.
COMMAND = re.compile(r"\binv (?!explain\b|local\.|dev\.)[a-z]++(?:\.[a-z_]++)*+(?!(?:(?!\binv\b)[^,;\n])*--target)")


def open_world(target: str) -> World:
    """The world for a target name as given on the command line; empty means RUNBOOK_TARGET, else the rehearsal."""
    from ops.settings import load
    from ops.world import ROOT

    usual = load(ROOT, os.environ).get("RUNBOOK_TARGET") or "local"
    world = World(target or usual)
    # The next command an error names must reach the same target as the one that failed.
    option = "" if world.target_name == usual else f" --target {world.target_name}"
    complete_with(lambda text: COMMAND.sub(rf"\g<0>{option}", text))
    return world


def all_steps(world: World) -> dict[str, Step[World]]:
    """Every step of the runbook for this target, by key."""
    from ops.phases import build, deploy, document, late, setup, test

    steps: list[Step[World]] = [*world.target.preparation()]
    for phase in (setup, build, deploy, test, document):
        steps += phase.STEPS
    late.load(steps)
    extra = world.target.extra_needs
    return {
        step.key: replace(
            step,
            needs=(*step.needs, *extra.get(step.key, ())),
            look=_with_reasons(step.look),
            act=_with_reasons(step.act),
            verify=_with_reasons(step.verify) if step.verify else None,
        )
        for step in steps
    }


def _with_reasons(function: Callable[P, R]) -> Callable[P, R]:
    """What the system refuses (disk full, no permission) is the operator's to mend, and no fault of the step."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except OSError as error:
            if is_refusal(error):
                raise refused(error) from None
            raise

    return wrapped


def execute(
    c: invoke.Context,
    keys: Collection[str],
    target: str,
    json: bool,
    yes: bool = False,
    first: Callable[[World], None] = lambda world: None,
) -> None:
    """Run the steps with these keys, and what they need. Under --dry the executor shows their plan instead.

    Tests only look: what they need is not brought about for them. Production asks before it is changed.

    Args:
        yes: the operator has said that production may be changed.
        first: done before the steps, once nobody else can change anything.

    Raises:
        invoke.Exit: when the run did not end well.
        Interrupted: after everything has been put in order.
    """
    world = open_world(target)
    _ = world.stack, world.vault.names()  # a broken description or vault is refused before anything is touched
    with contextlib.ExitStack() as held:
        command = " ".join(["inv", *sys.argv[1:]])
        held.enter_context(lock.held(world.paths.state / "lock", command))
        # Where others may deploy from other machines, the target locks them out as well. Before the steps are
        # loaded: a target that is far away begins to look here.
        held.enter_context(world.target.exclusive())
        first(world)
        steps = all_steps(world)
        chosen = run.with_needs(steps, keys)
        if world.target_name == "fly":
            _ask(chosen, keys, world, yes)
        result = _recorded(chosen, keys, steps, world, json, command)
    if json:
        from ops.runbook.report import run_document

        print(run_document(world.target_name, chosen, result))
    if result.interrupted is not None:
        raise Interrupted(result.interrupted)
    if result.exit_code != EXIT_OK:
        raise invoke.Exit(code=result.exit_code)


def _ask(chosen: Sequence[Step[World]], asked: Collection[str], world: World, yes: bool) -> None:
    """Show what would change in production and have it confirmed."""
    from ops import consent

    looked_at = only_looked_at(chosen, asked)
    acting = [step.key for step in chosen if step.key not in looked_at and not step.check]
    if consent.EFFECTS.keys() & set(acting):
        consent.ask(world, plan.make(chosen, world), acting, yes)


def _recorded(
    chosen: Sequence[Step[World]],
    asked: Collection[str],
    steps: dict[str, Step[World]],
    world: World,
    json: bool,
    command: str,
) -> Result:
    """A real run: journaled and reported."""
    from ops.recording import Recorder
    from ops.runbook.journal import Journal

    journal = Journal(world.paths.state / "journal.jsonl")
    observers: list[Observer] = [Recorder(journal, world.target_name, command)]
    courier = None
    # A rehearsal's log is its journal: nobody else waits for its progress.
    if world.target_name == "fly":
        courier, reporter = _reporting(world, journal, steps)
        observers.append(reporter)
        courier.start()
    patience: float | None = 0.0
    try:
        result = _run(chosen, asked, world, observers, json)
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


def _reporting(world: World, journal: Journal, steps: dict[str, Step[World]]) -> tuple[Courier, Reporter]:
    """The reporter of a run on production, and who carries its reports."""
    from ops import acceptance
    from ops.recording import outbox, scripts
    from ops.reporting import Reporter
    from ops.runbook.courier import Courier

    def open_line() -> str:
        return next((line.text for line in acceptance.gather(world).lines if line.met is False), "")

    box = outbox(world)
    reporter = Reporter(world, journal, list(steps.values()), box, open_line)
    courier = Courier(box, scripts(world), reporter.tick)
    reporter.wake = courier.wake
    return courier, reporter


def _deliver(courier: Courier, patience: float | None) -> None:
    """Deliver what can be delivered; the last lines say what could not be, and why."""
    from ops.runbook.secret import redactor

    def say(text: str) -> None:
        print(redactor(text), file=sys.stderr, flush=True)

    try:
        courier.finish(say, patience)
    finally:
        left = courier.outbox.undelivered()
        if left:
            say(advice(f"progress: {len(left)} reports not delivered: {', '.join(entry.name for entry in left)}"))
            whys = [f"{entry.name}: {entry.why}" for entry in left if entry.why]
            if courier.problem is not None:
                whys.append(courier.problem.what)
            for why in whys:
                say(f"  why:  {why}")
            say(advice("  next: inv progress.show, then inv progress.flush or inv progress.drop NAME"))


def _run(
    chosen: Sequence[Step[World]],
    asked: Collection[str],
    world: World,
    observers: Sequence[Observer],
    json: bool,
) -> Result:
    from ops.runbook.console import Plain, view

    def crash_log(text: str) -> None:
        # A disk that is full must not stop the run from saying so.
        with contextlib.suppress(OSError):
            place = os.open(world.paths.state / "crash.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT | NO_LINK, 0o600)
            with os.fdopen(place, "a", encoding="utf-8") as out:
                out.write(text + "\n")

    # Steps that are only needed, and are as wanted, are counted instead of listed.
    asked = {step.key for step in chosen if step.key in asked or (step.phase == 0 and "setup.secrets" in asked)}
    screen = Plain(sys.stderr, asked) if json else view(asked=asked)
    return run.run(chosen, world, [*observers, screen], brought_by=only_looked_at(chosen, asked), crash_log=crash_log)


def only_looked_at(chosen: Sequence[Step[World]], asked: Collection[str]) -> dict[str, str]:
    """The steps of a run that only its tests need, by key, with the command that brings them about."""
    steps = {step.key: step for step in chosen}
    acting = {step.key for step in run.with_needs(steps, [key for key in asked if not steps[key].check])}
    return {step.key: "inv deploy.all" for step in chosen if step.key not in acting and not step.check}


def show_plan(keys: Collection[str], target: str, json: bool) -> int:
    """Look at the steps and what they need, print the answers, and return the plan's exit code."""
    from ops.runbook.console import plan_lines
    from ops.runbook.report import plan_document

    world = open_world(target)
    _ = world.stack, world.vault.names()
    steps = all_steps(world)
    chosen = run.with_needs(steps, keys)
    interrupt.check()
    made = plan.make(chosen, world)
    print(plan_document(world.target_name, made) if json else "\n".join(plan_lines(made)))
    return made.exit_code
