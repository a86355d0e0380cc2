"""The command surface: Invoke collections over the table of phases, and what operators need beside the steps."""

from __future__ import annotations

from typing import Any

import invoke.collection
from invoke import Collection, Task
from invoke.parser import ParserContext

from ops.commands import (
    building,
    cache,
    cutover,
    deploying,
    development,
    documents,
    local,
    looking,
    monitor,
    progress,
    teams,
    vault,
)
from ops.commands.steps import phase_tasks
from ops.phases.table import phases
from ops.session.offered import offer

FURTHER = (vault, teams, cache, monitor, progress, local, development)


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
    # The loader copies the root namespace into a plain Collection, so a subclass of that would be lost.
    invoke.collection.ParserContext = _Context  # type: ignore[misc]
    root = Collection()
    groups: dict[str, tuple[Task[Any], ...]] = {phase.name: phase_tasks(phase) for phase in phases()}
    groups["build"] += building.TASKS
    groups["deploy"] += deploying.TASKS
    groups["document"] += documents.TASKS
    groups["cutover"] = cutover.TASKS
    for module in FURTHER:
        groups[module.NAME] = module.TASKS
    for task in looking.TASKS:
        root.add_task(task)
    for name, tasks in groups.items():
        collection = Collection(name)
        for task in tasks:
            collection.add_task(task)
        root.add_collection(collection)
    offer(root.task_names)
    return root
