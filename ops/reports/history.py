"""Past runs, as the journal has them: who ran what, for how long, what changed, and which steps it waited for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any


@dataclass
class StepRun:
    """One step of a run. `began` is when its look or act began; `seconds` how long it took."""

    key: str
    number: str
    status: str
    evidence: str
    began: datetime
    seconds: float

    @property
    def ended(self) -> datetime:
        """When it ended."""
        return self.began + timedelta(seconds=self.seconds)


@dataclass
class Run:
    """One run.

    Attributes:
        number: counted from the journal's beginning, from 1.
        ending: how it ended in words; empty while it runs, or if it was killed.
        seconds: how long it took, as far as is known.
    """

    number: int
    began: datetime
    who: str
    target: str
    command: str
    ending: str = ""
    seconds: float = 0.0
    steps: list[StepRun] = field(default_factory=list)

    @property
    def changed(self) -> list[StepRun]:
        """The steps that changed something."""
        return [step for step in self.steps if step.status == "changed"]


def read(events: Iterable[Mapping[str, Any]]) -> list[Run]:
    """The runs in the journal's events, oldest first."""
    runs: list[Run] = []
    for event in events:
        at = datetime.fromisoformat(str(event["at"]))
        if event["event"] == "begin":
            who, target, command = (str(event.get(name, "")) for name in ("who", "target", "command"))
            runs.append(Run(len(runs) + 1, at, who, target, command))
        elif not runs:
            continue
        elif event["event"] == "step":
            seconds = float(event["seconds"])
            key, number, status, evidence = (str(event[name]) for name in ("step", "number", "status", "evidence"))
            runs[-1].steps.append(StepRun(key, number, status, evidence, at - timedelta(seconds=seconds), seconds))
            runs[-1].seconds = (at - runs[-1].began).total_seconds()
        elif event["event"] in ("end", "interrupted"):
            runs[-1].seconds = (at - runs[-1].began).total_seconds()
            code = event.get("exit_code")
            runs[-1].ending = f"signal {event.get('signal')}" if code is None else f"exit {code}"
    return runs


def longest_chain(run: Run, needs: Mapping[str, tuple[str, ...]]) -> set[str]:
    """The keys of the steps that the run's end waited for, one after the other.

    Args:
        needs: for each step's key those of the steps it needs.
    """
    by_key = {step.key: step for step in run.steps}
    chain: set[str] = set()
    step = max(run.steps, key=lambda step: step.ended, default=None)
    while step is not None:
        chain.add(step.key)
        before = [by_key[key] for key in needs.get(step.key, ()) if key in by_key and key not in chain]
        step = max(before, key=lambda step: step.ended, default=None)
    return chain
