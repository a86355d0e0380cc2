"""A small deployment for the engine's tests: steps over a dictionary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ops.runbook.run import Result
from ops.runbook.step import Look, Outcome, Say, Step, missing, satisfied

Deployment = dict[str, Any]


def put(
    number: str, key: str, needs: tuple[str, ...] = (), act: Callable[[Deployment, Say], None] | None = None
) -> Step[Deployment]:
    """A step that is satisfied once the deployment holds its key."""

    def look(deployment: Deployment) -> Look:
        return satisfied(f"{key} is there") if key in deployment else missing(f"no {key}")

    def do(deployment: Deployment, say: Say) -> None:
        deployment.setdefault("order", []).append(key)
        deployment[key] = True

    return Step(number, key, key.title(), f"puts {key}", look, act or do, needs=needs)


@dataclass
class Watcher:
    """Remembers what the runner told it."""

    started_keys: list[str] = field(default_factory=list)
    words: list[tuple[str, str]] = field(default_factory=list)
    ended_keys: list[tuple[str, str]] = field(default_factory=list)
    result: Result | None = None
    total: int = 0

    def begin(self, steps: Sequence[Step[Any]]) -> None:
        self.total = len(steps)

    def started(self, step: Step[Any], doing: str) -> None:
        self.started_keys.append(step.key)

    def said(self, step: Step[Any], text: str) -> None:
        self.words.append((step.key, text))

    def ended(self, step: Step[Any], outcome: Outcome) -> None:
        self.ended_keys.append((step.key, outcome.status.value))

    def finished(self, result: Result) -> None:
        self.result = result
