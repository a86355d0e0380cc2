"""Commands of the watch: one look now, a test mail, and the mails that were sent."""

from __future__ import annotations

from typing import Any

from invoke import Context, Exit, Task

from ops.commands.dry import LOOKS, Says
from ops.commands.task import task

NAME = "monitor"


def watch(c: Context, once: bool = False, target: str = "", json: bool = False) -> None:
    """What every rule of the watch finds now. Exit 1 if an alert is on or something is unseen.

    For cron and CI: it looks once. Where no watch runs, this is its look: it remembers, and writes mails.
    """
    from ops.reports import watch as report
    from ops.runbook.report import document
    from ops.session.opening import open_deployment

    deployment = open_deployment(target)
    found = report.ask(deployment, "--once")
    if json:
        print(document("monitor.watch", target=deployment.target_name, **found.answer))
    else:
        print("\n".join(report.findings(found.answer)))
    if found.code:
        raise Exit(code=found.code)


def mails(c: Context, target: str = "", json: bool = False) -> None:
    """The mails that wait and the last that were sent; in rehearsal also what the mail server got."""
    from ops.reports import watch as report
    from ops.runbook.report import document
    from ops.session.opening import open_deployment

    deployment = open_deployment(target)
    found = report.ask(deployment, "--mails")
    received = deployment.target.received()
    if json:
        print(document("monitor.mails", target=deployment.target_name, received=received, **found.answer))
    else:
        print("\n".join(report.mails(found.answer, received)))


def send_test(c: Context, target: str = "", yes: bool = False) -> None:
    """Send a test mail to the operator, now."""
    from ops.reports import watch as report
    from ops.runbook.errors import RunbookError
    from ops.session.opening import open_deployment

    answer = report.ask(open_deployment(target), "--test").answer
    if not answer.get("sent"):
        raise RunbookError(
            "WATCH-002",
            f"the test mail to {answer.get('to')} was not sent",
            why=str(answer.get("why", "")),
            next="inv explain WATCH-002",
        )
    print(f"sent to {answer['to']}; it is there when {answer['id']} arrives")


def _would_test(target: str = "") -> str:
    from ops.session.opening import open_deployment

    return f"would send a test mail to {open_deployment(target).stack.stack.operator_email}"


TASKS: tuple[Task[Any], ...] = (
    task(watch, dry=LOOKS, once="one look, and then the exit code; it never stays"),
    task(mails, dry=LOOKS),
    task(send_test, "test", dry=Says(_would_test), asks=True),
)
