"""Deploy tasks that are no steps of the runbook: what one does with a gateway that is already there."""

from __future__ import annotations

from typing import Any

from invoke import Task

TASKS: tuple[Task[Any], ...] = ()
