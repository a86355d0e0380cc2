"""Progress reports of a run on production: one sentence per milestone, for a reader who was not there.

A milestone is a phase that is through, a step that failed, what a person must give, and two silent hours. Once the
task is complete (`completion.py`) nothing more is reported.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ops.phases.table import phases
from ops.reports.acceptance import stale_tests
from ops.reports.completion import HANDOFF, completed
from ops.reports.recording import DONE, scripts
from ops.runbook.advice import advice
from ops.runbook.journal import Journal
from ops.runbook.progress import Entry, Outbox, age_hours, percent
from ops.runbook.run import Result
from ops.runbook.step import Outcome, Status, Step

if TYPE_CHECKING:
    from ops.runbook.phase import Phase
    from ops.targets.workspace import Workspace

W = TypeVar("W")

EVERY_HOURS = 2.0
RECENT = 8  # reports among which one that says the same is not said again
LOG, BLOCKED = "log-progress.ts", "log-blocked.ts"
GUIDE = "docs/runbooks/llm-gateway-deployment.md"
PHASE = re.compile(r"Phase ([0-9]+) ")


def _untold(journal: Journal, steps: Mapping[str, Step[Any]], queued: Sequence[Entry]) -> dict[int, list[str]]:
    """The steps, by phase, that have done something since their phase was last reported."""
    told: dict[int, str] = {}
    for entry in queued:
        if entry.script == LOG and (phase := PHASE.match(entry.arguments[3])):
            told[int(phase[1])] = entry.at
    untold: dict[int, list[str]] = {}
    done: set[str] = set()
    for event in journal.read():
        step = steps.get(event.get("step", "")) if event["event"] == "step" else None
        if step is None:
            continue
        # What a run did that was killed before it journaled it is found done, for the first time, by the next one.
        news = event["status"] == Status.CHANGED.value or (event["status"] in DONE and step.key not in done)
        (done.add if event["status"] in DONE else done.discard)(step.key)
        if not news or event["at"] <= told.get(step.phase, ""):
            continue
        names = untold.setdefault(step.phase, [])
        if f"{step.number} {step.name}" not in names:
            names.append(f"{step.number} {step.name}")
    return untold


class Reporter:
    """An observer of a run that queues its milestones.

    Args:
        everything: all steps of the runbook, of which percent and next action are computed.
        wake: called when something is in the outbox.
    """

    def __init__(
        self,
        workspace: Workspace,
        journal: Journal,
        everything: Sequence[Step[Any]],
        outbox: Outbox,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self.workspace = workspace
        self.outbox = outbox
        self.wake = wake
        self.phases = {phase.number: phase for phase in phases()}
        self.steps = {step.key: step for step in sorted(everything, key=lambda step: step.order) if step.phase}
        last = {key: event for key, event in journal.last_outcomes().items() if key in self.steps}
        self.done = {key for key, event in last.items() if event["status"] in DONE}
        self.done -= stale_tests(journal, self.steps)
        queued = outbox.queued()
        self.complete = completed(outbox)
        self.spoken = queued[-1].at if queued else None
        self.begun = next((event["at"] for event in journal.read()), None)
        self.news: dict[int, list[str]] = {}
        self.untold = _untold(journal, self.steps, queued)
        self.waits: list[str] = []
        self.under_way = ""
        self._lock = threading.Lock()

    def begin(self, steps: Sequence[Step[W]]) -> None:
        """Which steps of each phase this run still has before it."""
        self.left = {number: {s.key for s in steps if s.phase == number} for number in self.phases}
        # What a run that was killed has journaled and not reported is news of the run that goes on with its phase.
        for number, names in self.untold.items():
            if self.left.get(number):
                self.news[number] = list(names)
        self.failed: set[int] = set()
        self.outcomes: dict[str, Outcome] = {}

    def started(self, step: Step[W], doing: str) -> None:
        """Remember it, for a report after two silent hours."""
        self.under_way = f"step {step.number} {step.name}"

    def said(self, step: Step[W], text: str) -> None:
        """Remember it, for a report after two silent hours."""
        self.under_way = f"step {step.number} {step.name}: {text}"

    def ended(self, step: Step[W], outcome: Outcome) -> None:
        """A phase may be through now; a failure is told at once, what a person must give at the end."""
        if step.phase not in self.phases:
            return
        with self._lock:
            self.left[step.phase].discard(step.key)
            self.outcomes[step.key] = outcome
            if outcome.status is Status.CHANGED and not step.check:
                self.done -= {key for key, other in self.steps.items() if other.check}
            if outcome.good:
                news = self.news.setdefault(step.phase, [])
                name = f"{step.number} {step.name}"
                if (outcome.status is Status.CHANGED or step.key not in self.done) and name not in news:
                    news.append(name)
                self.done.add(step.key)
            else:
                self._not_good(step, outcome)
            self._milestones()

    def finished(self, result: Result) -> None:
        """What a person must give."""
        with self._lock:
            if self.waits and not self.complete:
                self._report(f"Waiting for a person: {'; '.join(self.waits)}", GUIDE, self.waits[0], BLOCKED)

    def tick(self) -> None:
        """Report a run that has been silent for two hours, also where the silence began in an earlier command."""
        with self._lock:
            hours = age_hours(self.spoken or self.begun)
            if hours is not None and hours > EVERY_HOURS and self.under_way:
                self._report(f"Still at work on {self.under_way}", GUIDE, self._next())

    def _not_good(self, step: Step[Any], outcome: Outcome) -> None:
        self.done.discard(step.key)
        self.failed.add(step.phase)
        if outcome.follows:
            return
        if outcome.status is Status.BLOCKED:
            self.waits.append(outcome.next or outcome.evidence)
            return
        said = f"Step {step.number} {step.name} failed: {outcome.evidence}"
        self._report(said, "docs/runbooks/llm-gateway-incident.md", advice(outcome.next) or f"Mend step {step.number}")

    def _milestones(self) -> None:
        """Report the phases that are through, in their order: a later one waits for the earlier ones."""
        for number, phase in self.phases.items():
            if self.left[number]:
                return
            names = self.news.pop(number, [])
            if not names or number in self.failed:
                continue
            mine = [key for key, step in self.steps.items() if step.phase == number]
            count = sum(key in self.done for key in mine)
            what = "complete" if count == len(mine) else f"{count} of {len(mine)} steps done"
            said = f"Phase {number} {phase.title} {what}: {', '.join(names)}"
            self._report(said, self._evidence(phase), self._next())

    def _evidence(self, phase: Phase[Any]) -> str:
        """What the reader can open: a file of the repository, or where it runs and what."""
        return phase.evidence.format(folder=self.workspace.stack.stack.folder) or self._where()

    def _where(self) -> str:
        release = self.outcomes.get("deploy.release")
        url = f"https://{self.workspace.stack.domains.gateway}"
        return f"{url} ({release.evidence})" if release and release.good else url

    def _next(self) -> str:
        """The first phase that has something open, or else the handing over, and the command for it."""
        number = next((step.phase for key, step in self.steps.items() if key not in self.done), None)
        if number is None:
            return f"Handing over: {HANDOFF} --target {self.workspace.target_name}"
        phase = self.phases[number]
        return f"Phase {number} {phase.title}: inv {phase.name}.all --target {self.workspace.target_name}"

    def _report(self, rationale: str, evidence: str, next_action: str, script: str = LOG) -> None:
        if self.complete:
            return
        # A trouble that lasts is said once; the same phase may well be through again after a change.
        if not rationale.startswith("Phase") and any(
            rationale in entry.arguments for entry in self.outbox.queued()[-RECENT:]
        ):
            return
        identity = self.workspace.stack.stack
        if script == BLOCKED:
            repository = scripts(self.workspace)
            if repository is not None and repository.file(BLOCKED).is_file():
                self._put(BLOCKED, [identity.agent, identity.task, rationale, evidence, next_action])
                return
        # 100 is what completion says.
        share = str(min(99, percent(len(self.done), len(self.steps))))
        self._put(LOG, [identity.agent, identity.task, share, rationale, evidence, next_action])

    def _put(self, script: str, arguments: list[str]) -> None:
        from ops.runbook.journal import now

        self.outbox.put(script, arguments)
        self.spoken = now()
        self.wake()
