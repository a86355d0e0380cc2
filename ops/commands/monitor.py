"""Commands that watch: the success metrics against their goals, and what all of it costs."""

from __future__ import annotations

from typing import Any

from invoke import Context, Task

from ops.commands.dry import LOOKS
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


SINCE = "how far back, from the whole hour it begins in: 90m, 24h, 7d"
TASKS: tuple[Task[Any], ...] = (
    task(monitor_report, "report", dry=LOOKS, since=SINCE, html="also write the report to this file, as one page"),
    task(monitor_costs, "costs", dry=LOOKS, since=SINCE),
)
