"""The command surface: Invoke collections over the runbook's steps and what operators need beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import invoke.collection
from invoke import Collection, Context, Task
from invoke.parser import ParserContext

from ops.dry import LOOKS as LOOKS
from ops.dry import Command, Dry, Plans
from ops.runbook.step import Step
from ops.world import World

HELP = {
    "target": "local (rehearsal, default) or fly (production); RUNBOOK_TARGET in .env sets the default",
    "json": "print one JSON document for programs",
    "yes": "change production without asking; for scripts",
}


class _Context(ParserContext):
    """Takes a one-letter option in its long form too: the runbook documents `--n`, Invoke makes `-n`."""

    def add_arg(self, *args: Any, **kwargs: Any) -> None:
        """Add an argument as Invoke does, then the second spelling."""
        before = set(self.args)
        super().add_arg(*args, **kwargs)
        for name in set(self.args) - before:
            if len(name) == 1:
                self.flags.alias(f"--{name}", to=f"-{name}")  # type: ignore[no-untyped-call]


def namespace() -> Collection:
    """Everything `inv` offers."""
    from ops.commands import cutover, deploying, living, looking
    from ops.phases import build, deploy, document, setup, test

    # The loader copies the root namespace into a plain Collection, so a subclass of that would be lost.
    invoke.collection.ParserContext = _Context  # type: ignore[misc]
    root = Collection()
    phases = (
        ("setup", setup.STEPS),
        ("build", build.STEPS),
        ("deploy", deploy.STEPS),
        ("test", test.STEPS),
        ("document", document.STEPS),
    )
    extra = {"deploy": deploying.TASKS, "test": ()}
    for name, steps in phases:
        collection = Collection(name)
        for task in (*map(step_task, steps), all_task(name, steps), *extra.get(name, ())):
            collection.add_task(task)
        root.add_collection(collection)
    for task in looking.TASKS:
        root.add_task(task)
    for name, tasks in {"cutover": cutover.TASKS, **living.COLLECTIONS}.items():
        collection = Collection(name)
        for task in tasks:
            collection.add_task(task)
        root.add_collection(collection)
    return root


def task(function: Callable[..., Any], name: str | None = None, /, dry: Dry | None = None, **help: str) -> Task[Any]:
    """An Invoke task; the common options explain themselves.

    Args:
        function: its body; parameters are its options.
        name: by default the function's.
        dry: what it is under --dry; without it, it is refused there.
        help: what is said of its own options.
    """
    import inspect

    parameters = inspect.signature(function).parameters
    texts = {key: text for key, text in {**HELP, **help}.items() if key in parameters}
    made = Command(function, name=name or function.__name__.strip("_"), help=texts, auto_shortflags=False)
    made.dry = dry
    return made


def step_task(step: Step[World]) -> Task[Any]:
    """The task that runs one step and what it needs."""
    name = step.key.split(".", 1)[1]
    plans = Plans(lambda **options: [step.key])
    if name == "quota":
        from ops.commands.testing import quota

        return task(quota, dry=plans, key="test this team instead of the probe; spends its quota")

    def body(c: Context, target: str = "", json: bool = False, yes: bool = False) -> None:
        from ops.session import execute

        execute(c, [step.key], target, json, yes)

    body.__doc__ = f"{step.number:<6}{step.name}.\n\n{step.purpose}."
    return task(body, name, dry=plans)


def all_task(phase: str, steps: Sequence[Step[World]]) -> Task[Any]:
    """The task that runs a whole phase and what it needs."""
    keys = [step.key for step in steps]
    if phase == "deploy":
        from ops.phases import build, setup

        keys = [step.key for step in (*setup.STEPS, *build.STEPS, *steps)]

    def body(c: Context, target: str = "", json: bool = False, yes: bool = False) -> None:
        from ops.session import execute

        execute(c, keys, target, json, yes)

    def deploy(c: Context, target: str = "", json: bool = False, yes: bool = False, release: bool = False) -> None:
        from ops.commands.deploying import lift_hold
        from ops.session import execute

        execute(c, keys, target, json, yes, first=lift_hold if release else lambda world: None)

    if phase == "deploy":
        body = deploy
    body.__doc__ = {
        "deploy": "Bring the gateway to its described state: phases 1 to 3.",
        "test": "Run all tests of phase 4 against the deployed gateway.",
    }.get(phase, f"All of phase {next(iter(steps)).phase}.")
    return task(body, "all", release="lift the hold of a rollback, and go forward", dry=Plans(lambda **options: keys))
