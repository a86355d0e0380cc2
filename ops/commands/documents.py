"""Documents that are no steps of the runbook: the site, and the page for handing over."""

from __future__ import annotations

import sys
from typing import Any

from invoke import Context, Exit, Task

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


def handoff(c: Context, target: str = "", out: str = "") -> None:
    """One page for the team that takes over, with evidence, costs and dates. Exit 1 while a line is open.

    In production, once every line holds, it reports the task as complete: that is done by nothing else, and once.
    """
    from pathlib import Path

    from ops.runbook.errors import EXIT_FAILED
    from ops.runbook.files import write_atomic
    from ops.session import handoff, handoff_page
    from ops.session.opening import open_deployment

    deployment = open_deployment(target)
    made = handoff.gather(deployment)
    folder = Path(out) if out else deployment.paths.state
    for name, text in (("handoff.md", made.markdown()), ("handoff.html", handoff_page.page(made.markdown()))):
        write_atomic(folder / name, text)
        print(folder / name)
    if not made.complete:
        raise Exit(code=EXIT_FAILED)
    if deployment.target.production:
        from ops.session.finishing import finish

        print(finish(deployment), file=sys.stderr)


def _would_write(target: str = "", out: str = "") -> str:
    from ops.session.opening import open_deployment

    deployment = open_deployment(target)
    said = f"would write handoff.md and handoff.html in {out or deployment.paths.state}"
    if not deployment.target.production:
        return said
    return f"{said} and, if every line holds, report task {deployment.stack.stack.task} as complete"


TASKS: tuple[Task[Any], ...] = (
    task(site, dry=Says(_would_build), out="folder; by default .state/site"),
    task(handoff, dry=Says(_would_write), out="folder; by default the target's under .state"),
)
