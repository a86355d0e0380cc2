"""One run of the runbook from a command: the lock, the journal, the reports, the console, the exit code."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import invoke

from ops.runbook import interrupt, lock, plan, run
from ops.runbook.errors import EXIT_OK, Interrupted
from ops.runbook.step import Step
from ops.world import World

if TYPE_CHECKING:
    from ops.runbook.run import Observer, Result


def open_world(target: str) -> World:
    """The world for a target name as given on the command line; empty means RUNBOOK_TARGET, else the rehearsal."""
    import os

    from ops.settings import load
    from ops.world import ROOT

    name = target or load(ROOT, os.environ).get("RUNBOOK_TARGET") or "local"
    return World(name)


def all_steps(world: World) -> dict[str, Step[World]]:
    """Every step of the runbook for this target, by key."""
    from ops.phases import build, deploy, document, late, setup, test

    steps: list[Step[World]] = [*world.target.preparation()]
    for phase in (setup, build, deploy, test, document):
        steps += phase.STEPS
    late.load(steps)
    extra = world.target.extra_needs
    return {step.key: replace(step, needs=(*step.needs, *extra.get(step.key, ()))) for step in steps}


def execute(c: invoke.Context, keys: Collection[str], target: str, json: bool) -> None:
    """Run the steps with these keys, and what they need; honours Invoke's --dry.

    Raises:
        invoke.Exit: when the run did not end well.
        Interrupted: after everything has been put in order.
    """
    world = open_world(target)
    _ = world.stack  # a broken description is refused before anything is touched
    steps = all_steps(world)
    chosen = run.with_needs(steps, keys)
    dry = bool(c.config.run.dry)
    if dry:
        result = _run(chosen, keys, world, [], json, dry=True)
    else:
        command = " ".join(["inv", *sys.argv[1:]])
        # Where others may deploy from other machines, the target locks them out as well.
        with lock.held(world.paths.state / "lock", command), world.target.exclusive():
            result = _recorded(chosen, keys, steps, world, json, command)
    if json:
        from ops.runbook.report import run_document

        print(run_document(world.target_name, chosen, result))
    if result.interrupted is not None:
        raise Interrupted(result.interrupted)
    if result.exit_code != EXIT_OK:
        raise invoke.Exit(code=result.exit_code)


def _recorded(
    chosen: Sequence[Step[World]],
    asked: Collection[str],
    steps: dict[str, Step[World]],
    world: World,
    json: bool,
    command: str,
) -> Result:
    """A real run: journaled and reported."""
    from ops.recording import Recorder, Reporter, outbox, scripts
    from ops.runbook.journal import Journal
    from ops.runbook.progress import Courier

    journal = Journal(world.paths.state / "journal.jsonl")
    courier = Courier(outbox(world), scripts(world))
    recorder = Recorder(journal, world.target_name, command)
    reporter = Reporter(world, journal, list(steps.values()), courier)
    courier.start()
    try:
        return _run(chosen, asked, world, [recorder, reporter], json)
    except Interrupted as interrupted:
        journal.write("interrupted", signal=interrupted.signum)
        raise
    finally:
        courier.finish()


def _run(
    chosen: Sequence[Step[World]],
    asked: Collection[str],
    world: World,
    observers: Sequence[Observer],
    json: bool,
    dry: bool = False,
) -> Result:
    from ops.runbook.console import Plain, view

    def crash_log(text: str) -> None:
        file = world.paths.state / "crash.log"
        with file.open("a", encoding="utf-8") as out:
            out.write(text + "\n")

    # Steps that are only needed, and are as wanted, are counted instead of listed.
    asked = {step.key for step in chosen if step.key in asked or (step.phase == 0 and "setup.secrets" in asked)}
    screen = Plain(sys.stderr, asked) if json else view(asked=asked)
    return run.run(chosen, world, [*observers, screen], dry=dry, crash_log=crash_log if not dry else _drop)


def _drop(text: str) -> None:
    """A dry run writes nothing."""


def show_plan(keys: Collection[str], target: str, json: bool) -> int:
    """Look at the steps and what they need, print the answers, and return the plan's exit code."""
    from ops.runbook.console import plan_lines
    from ops.runbook.report import plan_document

    world = open_world(target)
    _ = world.stack
    steps = all_steps(world)
    chosen = run.with_needs(steps, keys)
    interrupt.check()
    made = plan.make(chosen, world)
    print(plan_document(world.target_name, made) if json else "\n".join(plan_lines(made)))
    return made.exit_code
