"""Commands that watch: the success metrics, what all of it costs, Langfuse's dashboard, the alerts and their mails."""

from __future__ import annotations

from typing import Any

from invoke import Context, Exit, Task

from ops.commands.dry import LOOKS, Says
from ops.commands.task import task

NAME = "monitor"


def monitor_report(c: Context, since: str = "24h", html: str = "", target: str = "", json: bool = False) -> None:
    """The success metrics against their goals, by team, hour and day.

    From Langfuse and the gateway's own counts; where the two differ by more than 1% it says so.
    With --html FILE also as one page that needs nothing else. What could not be seen is unknown, never zero.
    """
    from datetime import UTC, datetime
    from pathlib import Path

    from ops.cutover import moments
    from ops.monitor import page, report, show
    from ops.runbook.files import write_atomic
    from ops.session.opening import open_deployment

    deployment = open_deployment(target)
    found = report.make(deployment, moments.span(since), datetime.now(UTC))
    success = deployment.stack.success
    if html:
        write_atomic(Path(html), page.page(found, success, deployment.stack.stack.name))
    if json:
        print(show.as_json(found, deployment.target_name))
        return
    print("\n".join(show.lines(found, success)))
    if html:
        print(f"\nwritten: {html}")


def monitor_costs(c: Context, since: str = "7d", target: str = "", json: bool = False) -> None:
    """Dollars by team, model, route and day, what the caches saved and cost, the month's end."""
    from datetime import UTC, datetime

    from ops.cutover import moments
    from ops.monitor import costs, costs_show
    from ops.session import cost
    from ops.session.opening import open_deployment

    deployment = open_deployment(target)
    bill = sum(item.usd for item in cost.estimate(deployment.stack))
    found = costs.make(deployment, moments.span(since), datetime.now(UTC), infrastructure_usd=bill)
    print(costs_show.as_json(found, deployment.target_name) if json else "\n".join(costs_show.lines(found)))


def watch(c: Context, once: bool = False, target: str = "", json: bool = False) -> None:
    """What every rule of the watch finds now. Exit 1 if an alert is on or something is unseen.

    For cron and CI: it looks once. Where no watch runs, this is its look: it remembers, and writes mails.
    """
    import sys

    from ops.reports import watch as report
    from ops.runbook import table
    from ops.runbook.report import document
    from ops.session.opening import open_deployment

    deployment = open_deployment(target)
    found = report.ask(deployment, "--once")
    if json:
        print(document("monitor.watch", target=deployment.target_name, **found.answer))
    else:
        print("\n".join(table.fitted(report.findings(found.answer), sys.stdout)))
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


def make_dashboards(c: Context, target: str = "", yes: bool = False) -> None:
    """Make the dashboard of the success metrics in Langfuse, or what of it is missing.

    What is there stays as it is, whoever made it. Where Langfuse has no API for dashboards it says so; the monitoring
    guide tells how one is made by hand.
    """
    from ops.commands import dashboards

    print(dashboards.make(target))


def _would_make_dashboards(target: str = "") -> str:
    from ops.commands import dashboards

    return dashboards.would(target)


SINCE = "how far back, from the whole hour it begins in: 90m, 24h, 7d"
TASKS: tuple[Task[Any], ...] = (
    task(monitor_report, "report", dry=LOOKS, since=SINCE, html="also write the report to this file, as one page"),
    task(monitor_costs, "costs", dry=LOOKS, since=SINCE),
    task(make_dashboards, "dashboards", dry=Says(_would_make_dashboards), asks=True),
    task(watch, dry=LOOKS, once="one look, and then the exit code; it never stays"),
    task(mails, dry=LOOKS),
    task(send_test, "test", dry=Says(_would_test), asks=True),
)
