"""Which model answers: the one asked for, or a stronger one for long inputs."""

from __future__ import annotations

from dataclasses import dataclass

from ..config import Escalation


@dataclass(frozen=True)
class Choice:
    """The model to ask first, and whether it is another than the client asked for."""

    model: str
    escalated: bool


def choose(asked: str, *, input_tokens: int, rule: Escalation | None) -> Choice:
    """Apply the escalation rule; a request that asked for the stronger model anyway is not escalated.

    Args:
        asked: the model that the request names.
        input_tokens: tokens of its input, by our own count.
        rule: None where nothing escalates.
    """
    if rule is not None and asked != rule.model and input_tokens > rule.over_input_tokens:
        return Choice(rule.model, escalated=True)
    return Choice(asked, escalated=False)
