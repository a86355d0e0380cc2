"""Making an Invoke task: the help of the common options, and what the task is under --dry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from invoke import Task

from ops.commands.asking import asks_first
from ops.commands.dry import Command, Dry, Says

HELP = {
    "target": "local (rehearsal, default), containers (another) or fly (production); RUNBOOK_TARGET in .env sets it",
    "json": "print one JSON document for programs",
    "yes": "change production without asking; for scripts",
}


def task(
    function: Callable[..., Any], name: str | None = None, /, dry: Dry | None = None, asks: bool = False, **help: Any
) -> Task[Any]:
    """An Invoke task; the common options explain themselves.

    Args:
        function: its body; parameters are its options.
        name: by default the function's.
        dry: what it is under --dry; without it, it is refused there.
        asks: on production it says what it would do, and asks; its dry form is what it says.
        help: what is said of its own options.
    """
    import inspect

    parameters = inspect.signature(function).parameters
    texts = {key: text for key, text in {**HELP, **help}.items() if key in parameters}
    body = asks_first(function, dry) if asks and isinstance(dry, Says) else function
    made = Command(body, name=name or function.__name__.strip("_"), help=texts, auto_shortflags=False)
    made.dry = dry
    return made
