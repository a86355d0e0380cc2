"""Documents that are no steps of the runbook: the site."""

from __future__ import annotations

from typing import Any

from invoke import Context, Task

from ops.commands.dry import Says
from ops.commands.task import task


def site(c: Context, out: str = "") -> None:
    """Make a searchable site of all guides, to be opened without a server or a network."""
    from pathlib import Path

    from ops.development.site import build

    print(f"open {build(Path(out) if out else None)}")


def _would_build(out: str = "") -> str:
    from ops.development.site import OUT

    return f"would build the site in {out or OUT}"


TASKS: tuple[Task[Any], ...] = (task(site, dry=Says(_would_build), out="folder; by default .state/site"),)
