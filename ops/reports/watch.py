"""What the watch says, asked where it runs, in words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ops.runbook import table
from ops.runbook.errors import RunbookError
from ops.targets.deployment import Deployment


@dataclass(frozen=True)
class Answer:
    """The exit code, and the document that was printed."""

    code: int
    answer: dict[str, Any]


def ask(deployment: Deployment, what: str) -> Answer:
    """Run the watch's program with one argument, where it has its variables.

    Raises:
        RunbookError: WATCH-001 it did not run, or said nothing that can be read.
    """
    code, said = deployment.target.watch(what)
    lines = said.strip().splitlines()
    try:
        answer = json.loads(lines[-1])
    except (ValueError, IndexError):
        answer = None
    if not isinstance(answer, dict) or code not in (0, 1):
        raise RunbookError(
            "WATCH-001",
            f"the watch did not answer to {what} (exit {code})",
            why=lines[-1][:300] if lines else "",
            next="inv deploy.release",
        )
    return Answer(code, answer)


def findings(answer: Mapping[str, Any]) -> list[str]:
    """Every finding, the bad ones first; then the alerts that are on."""
    order = ("bad", "unknown", "fine")
    rows = [
        [each["state"], each["rule"], each["subject"], each["says"]]
        for each in sorted(answer["findings"], key=lambda each: order.index(each["state"]))
    ]
    lines = table.lines(["STATE", "RULE", "OF", "FOUND"], rows, limit=10_000)
    on = [f"on since {_moment(each['since'])}: {each['rule']} {each['subject']}" for each in answer["alerts"]]
    waiting = [f"{answer['waiting']} mails wait: inv monitor.mails"] if answer["waiting"] else []
    return [*lines, "", *(on or ["no alert is on"]), *waiting]


def mails(answer: Mapping[str, Any], received: Sequence[Mapping[str, str]] | None) -> list[str]:
    """The mails, oldest first."""
    lines = [f"{_moment(mail['at'])}  sent     {mail['subject']}" for mail in answer["sent"]]
    lines += [f"{_moment(mail['at'])}  waiting  {mail['subject']}" for mail in answer["waiting"]]
    if answer["retry"]["tries"]:
        lines.append(f"not sent after {answer['retry']['tries']} tries: {answer['retry']['why']}")
    if received is not None:
        lines += ["", f"the rehearsal's mail server got {len(received)}:"]
        for mail in received:
            lines += ["", f"{mail['date']}  {mail['subject']}", *(f"  {line}" for line in mail["text"].splitlines())]
    return lines or ["no mail yet"]


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
