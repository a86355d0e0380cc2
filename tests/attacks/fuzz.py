"""Seeded fuzzing: the same seed makes the same cases.

A short run tries a fixed number of cases of a fixed seed. With `ATTACKS_SECONDS=600` in front of pytest each fuzzer
goes on for as long, with a seed of its own. A failure says how to come by it again: `ATTACKS_SEED=N ATTACKS_CASES=M`.
"""

from __future__ import annotations

import itertools
import os
import random
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SECONDS = float(os.environ.get("ATTACKS_SECONDS", "0"))
SEED = int(os.environ.get("ATTACKS_SEED", "0") or 0) or (secrets.randbits(31) if SECONDS else 1)
CASES = int(os.environ.get("ATTACKS_CASES", "0"))


@dataclass(frozen=True)
class Case:
    """One case: its number, and the source of all that is random about it."""

    number: int
    random: random.Random

    @property
    def again(self) -> str:
        """What comes to it again, for the message of a failure."""
        return f"ATTACKS_SEED={SEED} ATTACKS_CASES={self.number + 1}"


def cases(few: int) -> Iterator[Case]:
    """Cases: `few` of them, or as many as the time allows that was asked for."""
    print(f"ATTACKS_SEED={SEED}")
    end = time.monotonic() + SECONDS
    for number in itertools.count():
        if number >= (CASES or few) if CASES or not SECONDS else time.monotonic() > end:
            return
        yield Case(number, random.Random(f"{SEED}:{number}"))


def batches(few: int, size: int) -> Iterator[list[Case]]:
    """The same cases, some at a time."""
    batch: list[Case] = []
    for case in cases(few):
        batch.append(case)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def mutated(raw: bytes, pieces: Sequence[bytes], rng: random.Random) -> bytes:
    """`raw` with a few changes: bytes flipped, parts left out, doubled or moved, odd pieces put in."""
    changed = bytearray(raw)
    for _ in range(rng.choice((1, 1, 2, 3, 6))):
        start = rng.randrange(len(changed) + 1)
        end = min(len(changed), start + rng.choice((1, 1, 2, 4, 16, 64)))
        match rng.randrange(6):
            case 0 if start < len(changed):
                changed[start] ^= 1 << rng.randrange(8)
            case 1:
                del changed[start:end]
            case 2:
                changed[start:start] = changed[start:end]
            case 3:
                part = changed[start:end]
                del changed[start:end]
                place = rng.randrange(len(changed) + 1)
                changed[place:place] = part
            case _:
                changed[start : rng.choice((start, end))] = rng.choice(pieces)
    return bytes(changed)
