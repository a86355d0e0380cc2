"""`inv status`: the acceptance checklist of the runbook, each line with live evidence.

Infrastructure is looked at now. A test's line is its newest result in the journal, and counts only if nothing
was deployed since. Documents are checked now.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ops.phases.table import all_steps, phases
from ops.reports import switches
from ops.reports.recording import DONE, outbox
from ops.runbook import interrupt
from ops.runbook.advice import advice
from ops.runbook.errors import RunbookError
from ops.runbook.journal import Journal
from ops.runbook.pool import Pool
from ops.runbook.progress import age_hours
from ops.runbook.step import Criterion, State, Step
from ops.targets.deployment import Deployment

if TYPE_CHECKING:
    from ops.description.stack import Stack

REPORT_EVERY_HOURS = 2.0
GROUPS = ("Infrastructure", "Testing", "Documentation", "Handoff")  # in this order; others follow


@dataclass(frozen=True)
class Line:
    """One line of the checklist: met (True), not met (False) or not applicable on this target (None)."""

    group: str
    text: str
    met: bool | None
    evidence: str


@dataclass(frozen=True)
class Report:
    """The checklist, where the gateway can be reached, and what an operator has switched off there."""

    target: str
    lines: tuple[Line, ...]
    endpoints: dict[str, str | None]
    progress: str
    switches: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """No line is open."""
        return all(line.met is not False for line in self.lines)


def _checklist(stack: Stack) -> list[tuple[str, str, tuple[str, ...]]]:
    """Group, line, and the keys of the steps whose state answers for it, in the order of the checklist."""
    found = [
        (criterion, (step.key, *criterion.also))
        for phase in phases()
        for step in phase.steps
        for criterion in step.criteria
    ]

    def order(entry: tuple[Criterion, tuple[str, ...]]) -> tuple[int, str, int]:
        group = entry[0].group
        return (GROUPS.index(group), "", entry[0].place) if group in GROUPS else (len(GROUPS), group, entry[0].place)

    found.sort(key=order)
    return [(criterion.group, criterion.text.format(stack=stack), keys) for criterion, keys in found]


def gather(deployment: Deployment) -> Report:
    """Look at everything the checklist asks for, in parallel."""
    steps = all_steps(deployment)
    checklist = _checklist(deployment.stack)
    wanted = {key for _, _, keys in checklist for key in keys}
    journal = Journal(deployment.paths.state / "journal.jsonl")
    found: dict[str, tuple[bool | None, str]] = {}
    tested = _test_results(journal, steps)

    def examine(step: Step[Deployment]) -> None:
        try:
            look = step.look(deployment)
        except RunbookError as error:
            found[step.key] = (False, error.what)
        except Exception as error:
            found[step.key] = (False, f"unexpected {type(error).__name__}")
        else:
            found[step.key] = (None if look.state is State.UNAVAILABLE else look.satisfied, look.evidence)

    found.update({key: tested(key) for key in wanted if steps[key].check})
    pool = Pool()
    ended = pool.all(functools.partial(examine, steps[key]) for key in wanted if not steps[key].check)
    while not ended.wait(0.2):
        interrupt.check()
    pool.close()

    lines = [Line(group, text, *_verdict([found[key] for key in keys])) for group, text, keys in checklist]
    # Nothing in this runbook can reach an agent: it has no command that changes one.
    lines.append(Line("Handoff", "No production agents touched", True, "the runbook has no step that changes an agent"))
    return Report(
        deployment.target_name, tuple(lines), _endpoints(deployment), _progress(deployment), switches.told(deployment)
    )


def _endpoints(deployment: Deployment) -> dict[str, str | None]:
    """Where a script can reach the gateway; nowhere before a rehearsal's edge was first started, with its authority."""
    found = deployment.target.endpoints()
    if found.ca is not None and not found.ca.is_file():
        return dict.fromkeys(("gateway", "langfuse", "connect", "ca"))
    return {
        "gateway": found.gateway,
        "langfuse": found.langfuse,
        "connect": found.connect,
        "ca": str(found.ca) if found.ca else None,
    }


def _verdict(answers: list[tuple[bool | None, str]]) -> tuple[bool | None, str]:
    """A line is met when every step behind it is; what is open is what one wants to read."""
    for wanted in (False, None):
        matching = [evidence for met, evidence in answers if met is wanted]
        if matching and (wanted is False or len(matching) == len(answers)):
            return wanted, matching[0]
    return True, next(evidence for met, evidence in reversed(answers) if met)


def _test_results(journal: Journal, steps: dict[str, Step[Deployment]]) -> Callable[[str], tuple[bool | None, str]]:
    """Reads each test's newest result, and whether something was deployed after it."""
    last, changed_at = _newest(journal, steps)

    def result(key: str) -> tuple[bool | None, str]:
        event = last.get(key)
        if event is None:
            return False, advice(f"not run yet: inv {key}")
        if event["at"] < changed_at:
            return False, advice(f"something was deployed since its last run: inv {key}")
        if event["status"] not in DONE:
            return False, f"{event['status']} at {event['at']}: {event['evidence']}"
        return (None if event["status"] == "skipped" else True), f"{event['evidence']} (at {event['at']})"

    return result


def stale_tests(journal: Journal, steps: Mapping[str, Step[Deployment]]) -> set[str]:
    """Tests whose newest result is older than what was last deployed."""
    tested = {key for key, step in steps.items() if step.check}
    last, changed_at = _newest(journal, steps)
    return {key for key in tested if key in last and last[key]["at"] < changed_at}


def _newest(journal: Journal, steps: Mapping[str, Step[Deployment]]) -> tuple[dict[str, dict[str, str]], str]:
    """Every step's newest event, and when something was last deployed."""
    last: dict[str, dict[str, str]] = {}
    changed_at = ""
    deploying = {0, *(phase.number for phase in phases() if phase.deploys)}  # 0: what the target itself needs first
    for event in journal.read():
        if event["event"] != "step" or event["step"] not in steps:
            continue
        last[event["step"]] = event
        if event["status"] == "changed" and steps[event["step"]].phase in deploying:
            changed_at = event["at"]
    return last, changed_at


def _progress(deployment: Deployment) -> str:
    """The two-hour rule: when the last report went out, and whether that is too long ago."""
    box = outbox(deployment)
    if not deployment.target.production:
        return "a rehearsal reports no progress"
    waiting, hours = len(box.undelivered()), age_hours(box.last_delivery())
    if hours is None:
        text = "no progress report delivered yet"
    else:
        text = f"last progress report {hours:.1f} h ago"
        if hours > REPORT_EVERY_HOURS:
            text += f", more than {REPORT_EVERY_HOURS:g} h"
    return f"{text}; {waiting} waiting" if waiting else text


def as_text(report: Report) -> str:
    """The checklist for a person."""
    lines = [f"{name:<10}{report.endpoints[name] or 'not deployed yet'}" for name in ("gateway", "langfuse")]
    if report.endpoints["connect"]:
        lines.append(f"connect   {report.endpoints['connect']} (in rehearsal the names do not resolve)")
        lines.append(f"CA        {report.endpoints['ca']}")
    group = ""
    for line in report.lines:
        if line.group != group:
            group = line.group
            lines += ["", group]
        mark = {True: "[x]", False: "[ ]", None: "[-]"}[line.met]
        lines.append(f"  {mark} {line.text}: {line.evidence}")
    return "\n".join([*lines, "", *report.switches, report.progress])


def as_json(report: Report) -> str:
    """The checklist for a program."""
    from ops.runbook.report import document

    return document(
        "status",
        target=report.target,
        complete=report.complete,
        endpoints=report.endpoints,
        progress=report.progress,
        switches=report.switches,
        checklist=[
            {"group": line.group, "text": line.text, "met": line.met, "evidence": line.evidence}
            for line in report.lines
        ],
    )
