"""`inv cutover.verify`: does a team's traffic arrive at the gateway, and does it fare well there?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ops.cutover import counters, traffic
from ops.cutover.counters import Counters
from ops.cutover.traffic import Newest, Span, Traffic
from ops.description.stack import Success
from ops.runbook.unseen import Unseen
from ops.services.langfuse import Langfuse
from ops.services.langfuse_accounts import PUBLIC, SECRET
from ops.targets.deployment import Deployment

LOOK_BACK = timedelta(days=7)


@dataclass(frozen=True)
class Verification:
    """What was seen of a team. None stands for what could not be seen; `unknown` says why, a sentence each.

    Attributes:
        cut: when the agent was cut over, None where that was not said.
        before, after: the spans, their traffic below; without a cut there is only `after`.
        problems: what speaks against a good cutover, a sentence each; none when traffic arrives and fares well.
        notes: what may have to do with this team, or with another; a sentence each.
    """

    team: str
    cut: datetime | None
    before: Span | None
    after: Span
    traffic_before: Traffic | None
    traffic_after: Traffic | None
    newest: Newest | None
    counters: Counters | None
    unknown: tuple[str, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Traffic arrives, without errors beyond the goals."""
        return not self.problems


def verify(deployment: Deployment, team: str, since: timedelta, cut: datetime | None, now: datetime) -> Verification:
    """Look at traces and counters; changes nothing.

    Args:
        since: how far back; with a cut, how long before it the span `before` begins.
        cut: in the past.

    Raises:
        RunbookError: CLI-004 there is no such team.
    """
    name = deployment.team(team).name
    after = Span(cut or now - since, now)
    before = Span(cut - since, cut) if cut else None
    unknown = Unseen()
    with Langfuse(
        deployment.target.endpoints(), deployment.vault.get(PUBLIC), deployment.vault.get(SECRET)
    ) as langfuse:
        traffic_after = unknown.look("traces", lambda: traffic.read(langfuse, name, after))
        traffic_before = (
            unknown.look("traces before the cut", lambda: traffic.read(langfuse, name, before)) if before else None
        )
        newest = unknown.look("last request", lambda: traffic.newest(langfuse, name, Span(now - LOOK_BACK, now)))
    counted = unknown.look("counters", lambda: counters.read(deployment, name))
    if counted and counted.lost:
        unknown.append(f"{counted.lost} traces were lost on their way to Langfuse: there were more requests than shown")
    if counted and counted.waiting:
        unknown.append(f"{counted.waiting} traces are on their way to Langfuse: look again in a moment")
    return Verification(
        team=name,
        cut=cut,
        before=before,
        after=after,
        traffic_before=traffic_before,
        traffic_after=traffic_after,
        newest=newest,
        counters=counted,
        unknown=tuple(unknown),
        problems=tuple(judge(traffic_after, counted, after, deployment.stack.success)),
        notes=tuple(noted(counted)) if counted else (),
    )


def judge(found: Traffic | None, counted: Counters | None, span: Span, goals: Success) -> list[str]:
    """What speaks against a good cutover, measured by the stack's success metrics."""
    if found is None:
        return ["whether traffic arrives cannot be told: the traces could not be read"]
    if not found.requests:
        if counted and counted.last and counted.last >= span.begin:
            return [
                f"the gateway counted a request at {counted.last.astimezone(UTC):%H:%M:%S} UTC, but no trace is there "
                "yet: look again in a moment"
            ]
        return ["no request of this team"]
    problems = []
    if found.unanswered and found.unanswered >= goals.error_rate:
        unanswered = found.failed + found.refused
        problems.append(
            f"{unanswered} of {found.requests} requests got no answer ({found.unanswered:.1%}); "
            f"the goal is below {goals.error_rate:.0%}"
        )
    if found.limited > goals.quota_violations:
        problems.append(f"{found.limited} requests were over a limit; the goal is {goals.quota_violations}")
    return problems


def noted(counted: Counters) -> Iterator[str]:
    """What a gateway saw since its start that belongs to no team, or to any."""
    if counted.wrong_keys:
        yield (
            f"{counted.wrong_keys} requests came with a key that no team has, since this gateway started: "
            "an agent that arrives nowhere may be among them"
        )
    for kind, count in counted.own_failures.items():
        yield f"{count} requests, of any team, failed by the gateway's own doing ({kind}) since it started: see its log"
