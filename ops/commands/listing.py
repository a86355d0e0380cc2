"""`inv --list` as a table of contents: phases first, in the runbook's order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from invoke import Collection, Task

from ops.phases.table import NAMES

SECTIONS = (
    ("The phases", NAMES),
    ("Looking", ("plan", "status", "doctor", "journal", "explain", "phase")),
    ("Bringing agents to it", ("cutover",)),
)
REST = "Living with it"  # every other group


def lines(root: Collection) -> Iterator[str]:
    """The list, a section a paragraph: name and first line of help, in the order the tasks were added."""
    yield "Usage: ./inv [--dry] TASK [--options] [TASK ...]        ./inv --help TASK says more"
    listed = {name for _, names in SECTIONS for name in names}
    rest = tuple(name for name in root.collections if name not in listed)
    for title, names in (*SECTIONS, (REST, rest)):
        yield ""
        yield title
        for name in names:
            if name in root.collections:
                for task_name, task in root.collections[name].tasks.items():
                    yield _line(f"{name}.{task_name}", task)
            elif name in root.tasks:
                yield _line(name, root.tasks[name])


def _line(name: str, task: Task[Any]) -> str:
    first = (task.__doc__ or "").strip().splitlines()[0]
    return f"  {name:<22}{first}"
