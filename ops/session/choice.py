"""Which steps of a command are run: `--only`, `--skip` and `--from`."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from ops.runbook.errors import RunbookError
from ops.runbook.step import Step

W = TypeVar("W")


@dataclass(frozen=True)
class Chosen:
    """What a choice comes to.

    Attributes:
        keys: the steps to run.
        left_out: steps that are only looked at if others need them, by key, with the command that brings them about.
    """

    keys: list[str]
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """The options as given: steps by number or key, several with commas between.

    Attributes:
        only: these, and what they need.
        skip: not these. What needs one of them runs only if it is as wanted already.
        start: this one and those after it, by number.
    """

    only: str = ""
    skip: str = ""
    start: str = ""

    def among(self, keys: Collection[str], steps: Mapping[str, Step[W]]) -> Chosen:
        """The choice among a command's steps.

        Args:
            keys: the command's steps.
            steps: every step there is, by key.

        Raises:
            RunbookError: CLI-012 one of those named is no step of the command, or none is left.
        """
        wanted = _named("--only", self.only, keys, steps) or list(keys)
        without = "the same command without"
        left_out = dict.fromkeys(_named("--skip", self.skip, keys, steps), f"{without} --skip")
        for first in _named("--from", self.start, keys, steps)[:1]:
            earlier = [key for key, step in steps.items() if step.phase and step.order < steps[first].order]
            left_out = {**dict.fromkeys(earlier, f"{without} --from"), **left_out}
        chosen = [key for key in wanted if key not in left_out]
        if not chosen:
            raise RunbookError("CLI-012", "no step is left to run", next="give fewer of --only, --skip and --from")
        return Chosen(chosen, left_out)


def _named(option: str, given: str, keys: Collection[str], steps: Mapping[str, Step[W]]) -> list[str]:
    by_name = {name: key for key in keys for name in (key, steps[key].number)}
    found = []
    for word in filter(None, (part.strip() for part in given.split(","))):
        if word not in by_name:
            near = difflib.get_close_matches(word, by_name, n=3, cutoff=0.5)
            raise RunbookError(
                "CLI-012",
                f"{option} {word}: this command has no such step",
                why=f"did you mean {', '.join(near)}?" if near else "a step is named by its number or its command",
                next="inv --list",
            )
        found.append(by_name[word])
    return found
