"""Turning the output of a failed flyctl call into an error with a code, a cause and the next command."""

from __future__ import annotations

import re

from ops.runbook.secret import redactor
from ops.services.fly.errors import ANSI, PANIC, UNKNOWN, FlyError
from ops.services.fly.meanings import meaning

_QUERY = re.compile(r"failed to run (?:query|mutation)?\s*\(.*?\}\s*\}?\s*:\s", re.DOTALL)


def spoken(stdout: str, stderr: str) -> str:
    """flyctl's error text without colours, progress and query texts, redacted."""
    text = ANSI.sub("", stderr)
    at = text.rfind("Error: ")
    said = text[at + 7 :] if at >= 0 else text
    detail = ANSI.sub("", stdout) if "not valid" in said or "strict validation" in said else ""
    if not said.strip():
        # A crash, and some messages, are on standard output.
        said = _crash(stdout) or "\n".join(ANSI.sub("", stdout).strip().splitlines()[-12:])
    said = _QUERY.sub("", f"{said}\n{detail}")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return redactor("\n".join(lines[:12]))


_PANIC = re.compile(r"\b(panic: .+|fatal error: .+)$", re.MULTILINE)


def _crash(text: str) -> str:
    """What a Go program that crashed says of it, without its stacks."""
    found = _PANIC.search(ANSI.sub("", text))
    return found[1].strip() if found else ""


def explain(doing: str, stdout: str, stderr: str, returncode: int = 1) -> FlyError:
    """The error to raise for a flyctl call that failed.

    Args:
        doing: what was being done, for the sentence: ``creating the app x``.
        stdout, stderr: what flyctl printed.
        returncode: its exit code (126: its own deadline, 127: interrupted, 3: a panic).
    """
    crash = _crash(stderr) or _crash(stdout)
    if returncode == 3 or crash:
        return FlyError(
            PANIC,
            f"{doing} failed: flyctl itself crashed",
            redactor(crash or spoken(stdout, stderr)),
            "inv deploy.status shows what state the machine is in; flyctl version upgrade, then the same command again",
        )
    return of_text(doing, spoken(stdout, stderr), ANSI.sub("", f"{stderr}\n{stdout}"), returncode)


def of_text(doing: str, said: str, everything: str = "", returncode: int = 1) -> FlyError:
    """The error for a failure text: `said` is quoted, `everything` is searched when `said` holds no known text."""
    found = meaning(said) or meaning(everything)
    if found is None:
        why = said or f"flyctl ended with exit code {returncode} and said nothing"
        return FlyError(UNKNOWN, f"{doing} failed", why, "inv status shows what is there; run the same command again")
    return FlyError(
        found.code, f"{doing} failed: {found.what}", said, found.next, blocked=found.blocked, retry=found.retry
    )
