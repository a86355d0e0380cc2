"""Commands for the progress reports of runs on production: what waits, sending it, dropping it."""

from __future__ import annotations

import shlex
import sys
from typing import Any

from invoke import Context, Exit, Task

from ops.commands.dry import LOOKS, Says
from ops.commands.task import task
from ops.runbook.errors import EXIT_FAILED

NAME = "progress"


def progress_show(c: Context, target: str = "", json: bool = False) -> None:
    """Which progress reports have not arrived, by name, and why; when the last one was delivered."""
    from dataclasses import asdict

    from ops.reports.recording import outbox
    from ops.runbook.progress import age_hours
    from ops.runbook.report import document
    from ops.session.opening import open_deployment

    box = outbox(open_deployment(target))
    waiting, last = box.undelivered(), box.last_delivery()
    if json:
        entries = [{**asdict(entry), "set_aside": entry.set_aside} for entry in waiting]
        print(document("progress", waiting=entries, last_delivery=last))
        return
    for entry in waiting:
        state = f"set aside after {entry.refused} attempts" if entry.set_aside else f"waiting since {entry.at}"
        print(f"{entry.name}: {state}: {entry.script} {shlex.join(entry.arguments)}")
        if entry.why:
            print(f"  why:  {entry.why}")
    hours = age_hours(last)
    print(f"{len(waiting)} not delivered; last delivered {'never' if hours is None else f'{hours:.1f} h ago'}")


def progress_flush(c: Context, target: str = "") -> None:
    """Deliver the waiting progress reports now, those set aside among them."""
    from ops.reports.recording import outbox, scripts
    from ops.runbook.courier import deliver
    from ops.session.opening import open_deployment

    deployment = open_deployment(target)
    done = deliver(outbox(deployment), scripts(deployment), again=True)
    print(f"{done.count} delivered")
    for problem in done.problems:
        print(f"not delivered: {problem}", file=sys.stderr)
    if done.problems:
        raise Exit(code=EXIT_FAILED)


def progress_drop(c: Context, name: str, target: str = "") -> None:
    """Give up a report that its script refuses for good: inv progress.drop complete-task-7."""
    from ops.reports.recording import outbox
    from ops.session.opening import open_deployment

    entry = outbox(open_deployment(target)).drop(name)
    print(f"{entry.name} dropped: {entry.script} {shlex.join(entry.arguments)}")


def _would_drop(name: str, target: str = "") -> str:
    from ops.reports.recording import outbox
    from ops.session.opening import open_deployment

    names = [entry.name for entry in outbox(open_deployment(target)).undelivered()]
    return f"would drop {name}" if name in names else f"there is no waiting report '{name}', nothing would be dropped"


def _would_flush(target: str = "") -> str:
    from ops.reports.recording import outbox
    from ops.session.opening import open_deployment

    return f"would try to deliver {len(outbox(open_deployment(target)).undelivered())} progress reports"


TASKS: tuple[Task[Any], ...] = (
    task(progress_show, "show", dry=LOOKS),
    task(progress_flush, "flush", dry=Says(_would_flush)),
    task(progress_drop, "drop", dry=Says(_would_drop), name="as inv progress.show says it"),
)
