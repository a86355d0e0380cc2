"""The dashboard in Langfuse, for operators: looked for, made where it is missing, noted in the journal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ops.monitor import dashboards
from ops.render import langfuse_widgets as widgets
from ops.services.langfuse import Langfuse
from ops.session.opening import open_deployment
from ops.targets.deployment import Deployment

COMMAND = "inv monitor.dashboards"


def would(target: str) -> str:
    """What would be made, in words."""
    deployment = open_deployment(target)
    with _langfuse(deployment) as langfuse:
        found = dashboards.look(langfuse, deployment.stack)
    lines = [f"would make {line}" for line in dashboards.lacking(found)]
    return "\n".join([*(lines or [_there(deployment)]), *dashboards.left(found)])


def make(target: str) -> str:
    """Make what is missing; what was made, in words.

    Raises:
        RunbookError: RUN-004 the journal cannot be written, and nothing was made; else as `dashboards.make`.
    """
    from ops.runbook.journal import Journal
    from ops.runbook.lock import operator

    deployment = open_deployment(target)
    with _langfuse(deployment) as langfuse:
        found = dashboards.look(langfuse, deployment.stack)
        lines = list(dashboards.lacking(found))
        if lines:
            journal = Journal(deployment.paths.state / "journal.jsonl")
            noted = {"who": operator(), "target": deployment.target_name, "command": COMMAND, "what": lines}
            journal.write("dashboards", state="asked", **noted)
            dashboards.make(langfuse, deployment.stack, found)
            journal.write("dashboards", state="made", **noted)
    made = [f"made {line}" for line in lines] or [_there(deployment)]
    return "\n".join([*made, *dashboards.left(found)])


def _there(deployment: Deployment) -> str:
    url = deployment.target.endpoints().langfuse
    return f"all of it is there: {url}, Dashboards, {widgets.title(deployment.stack)}"


@contextmanager
def _langfuse(deployment: Deployment) -> Iterator[Langfuse]:
    from ops.services.langfuse_accounts import PUBLIC, SECRET

    vault = deployment.vault
    with Langfuse(deployment.target.endpoints(), vault.get(PUBLIC), vault.get(SECRET)) as langfuse:
        yield langfuse
