"""Reading metrics in Prometheus' text format, as far as it takes to watch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_LINE = re.compile(r"([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)")
_TYPE = re.compile(r"# TYPE (\S+) ")
_LABEL = re.compile(r'([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"')
TIMES = "gateway_request_seconds"
UNCACHED = ("miss", "bypass")


@dataclass(frozen=True)
class Sample:
    """One line."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Exposition:
    """What was read: samples, and the names of the families there are, those without a sample included."""

    samples: tuple[Sample, ...]
    families: frozenset[str]


def parse(text: str) -> Exposition:
    """The samples and families of an exposition; lines that are neither are left out."""
    found, families = [], set()
    for line in text.splitlines():
        if declared := _TYPE.match(line):
            families.add(declared[1])
        match = _LINE.match(line)
        if match is None:
            continue
        try:
            found.append(Sample(match[1], dict(_LABEL.findall(match[2] or "")), float(match[3])))
        except ValueError:
            continue
    return Exposition(tuple(found), frozenset(families))


def total(exposition: Exposition, name: str, **labels: str) -> float:
    """The sum of a metric's samples that carry these labels."""
    return sum(
        sample.value
        for sample in exposition.samples
        if sample.name == name and all(sample.labels.get(label) == value for label, value in labels.items())
    )


def latency(exposition: Exposition) -> dict[str, float] | None:
    """Cumulative counts of answers that no cache gave, by the bound of their time; None if there is no histogram.

    One without a sample is there: before its first answer a gateway has nothing to tell.
    """
    counts: dict[str, float] = {}
    for sample in exposition.samples:
        if sample.name == f"{TIMES}_bucket" and sample.labels.get("tier", "miss") in UNCACHED:
            bound = sample.labels.get("le", "")
            name = "timed" if bound == "+Inf" else f"le:{bound}"
            counts[name] = counts.get(name, 0.0) + sample.value
    return counts if TIMES in exposition.families else None
