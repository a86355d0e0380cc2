"""A guide that is followed to the letter: what it says to type, and what it says is then on the screen."""

from __future__ import annotations

import re
from dataclasses import dataclass

FENCE = re.compile(r"^```(?P<language>bash|text)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
ANY = "…"


@dataclass(frozen=True)
class Step:
    """What to type (one block of commands), and the lines that then appear."""

    commands: str
    expected: tuple[str, ...]


def steps(guide: str) -> list[Step]:
    """The steps of a guide, in order: each bash block with the text block behind it, if there is one."""
    found: list[Step] = []
    for match in FENCE.finditer(guide):
        if match["language"] == "bash":
            found.append(Step(match["text"], ()))
        else:
            assert found, "a screen before anything is typed"
            assert not found[-1].expected, f"two screens for one step: {match['text']}"
            found[-1] = Step(found[-1].commands, tuple(match["text"].splitlines()))
    return found


def differs(expected: tuple[str, ...], screen: str) -> str:
    """The first expected line that the screen does not show in its place; empty when all is as expected.

    A line that is `…` alone stands for any number of lines, `…` within a line for any text; a blank line is left out,
    and how many blanks stand between two columns is as wide as their contents ask for.
    """
    lines = [" ".join(line.split()) for line in screen.splitlines() if line.strip()]
    wanted = [" ".join(line.split()) for line in expected if line.strip()]
    # After each expected line: at which lines of the screen one may be.
    places = {0}
    for line in wanted:
        if line == ANY:
            places = set(range(min(places), len(lines) + 1))
            continue
        pattern = re.compile(".*".join(map(re.escape, line.split(ANY))))
        places = {at + 1 for at in places if at < len(lines) and pattern.fullmatch(lines[at])}
        if not places:
            return line
    return "" if len(lines) in places else "(the end: more lines came)"
