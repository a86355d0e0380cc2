"""Pairs: may the answer kept for one question be given to another? And a large model's recorded verdicts on them.

Own pairs stand in pairs_*.txt by topic: a question (Q), its answer (A), wordings that the answer serves (=) and near
misses by kind (!). They are split once, by a hash of the topic's name: three tenths to develop with, the rest to report
on, which is never looked at while anything is chosen. Pairs of others come as lines of four cells, split by tabs:
``same`` or ``other``, the stored question, its answer (may be empty), the new question.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
SETS = ("service", "general", "languages", "trades")
"""The last was written earlier, by others, who asked whether two questions are the same without an answer in view."""
DEVELOPMENT_TENTHS = 3


class Unusable(Exception):
    """A file of pairs, streams or verdicts that cannot be used, and why."""


@dataclass(frozen=True)
class Pair:
    """One question to the cache.

    Attributes:
        topic: what the stored question is about.
        kind: of a near miss: what differs (scope, direction, negation, entity, number, unit, role, emoji, ...).
        same: whether the answer, unchanged, is right for the new question.
    """

    topic: str
    kind: str
    same: bool
    stored: str
    answer: str
    new: str

    @property
    def id(self) -> str:
        """Names the three texts a judge sees."""
        return hashlib.sha256("\0".join((self.stored, self.answer, self.new)).encode()).hexdigest()[:12]


def reported(topic: str) -> bool:
    """Whether a topic's pairs are reported on; the others may be looked at."""
    return int(hashlib.sha256(topic.encode()).hexdigest(), 16) % 10 >= DEVELOPMENT_TENTHS


def own_pairs(sets: Sequence[str] = SETS) -> list[Pair]:
    """The pairs that come with the project."""
    return [pair for name in sets for pair in _groups(HERE / f"pairs_{name}.txt")]


def _groups(path: Path) -> Iterator[Pair]:
    topic = question = answer = ""
    for line in path.read_text("utf-8").splitlines():
        mark, _, text = line.partition(" ")
        if mark == "#":
            topic = text
        elif mark == "Q:":
            question = text
        elif mark == "A:":
            answer = text
        elif mark == "=":
            yield Pair(topic, "same", True, question, answer, text)
        elif mark == "!":
            kind, _, new = text.partition(": ")
            yield Pair(topic, kind, False, question, answer, new)
        else:
            raise Unusable(f"{path.name}: a line begins with none of # Q: A: = !: {line!r}")


def read_pairs(path: Path) -> list[Pair]:
    """Pairs of others. Raises Unusable with the line's number."""
    found = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line.strip():
            continue
        cells = line.split("\t")
        if len(cells) != 4 or cells[0] not in ("same", "other"):
            raise Unusable(f"{path}:{number}: not four cells of same|other, stored question, answer, new question")
        found.append(Pair(cells[1], cells[0], cells[0] == "same", *cells[1:]))
    return found


@dataclass(frozen=True)
class Verdicts:
    """Recorded verdicts by pair id, and who gave them."""

    model: str
    yes: frozenset[str]
    no: frozenset[str]

    @classmethod
    def read(cls, path: Path, prompt_version: str) -> Verdicts:
        """Read recorded verdicts. Raises Unusable if they were given under another prompt."""
        kept = json.loads(path.read_text("utf-8"))
        if kept["prompt_version"] != prompt_version:
            raise Unusable(
                f"{path.name} holds verdicts under prompt {kept['prompt_version']}, the gateway's prompt is "
                f"{prompt_version}: have them given again"
            )
        return cls(kept["model"], frozenset(kept["yes"]), frozenset(kept["no"]))

    def of(self, pair: Pair) -> bool:
        """The verdict on a pair. Raises Unusable if there is none."""
        if pair.id not in self.yes | self.no:
            raise Unusable(f"no verdict is recorded on {pair.stored!r} -> {pair.new!r}")
        return pair.id in self.yes


def errors(pairs: Sequence[Pair], verdicts: Verdicts) -> tuple[int, int]:
    """How many right pairs the verdicts refuse, and how many wrong ones they let through."""
    given = [(pair.same, verdicts.of(pair)) for pair in pairs]
    return sum(same and not yes for same, yes in given), sum(yes and not same for same, yes in given)
