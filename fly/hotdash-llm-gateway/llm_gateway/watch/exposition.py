"""Reading metrics in Prometheus' text format, as far as it takes to watch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_LINE = re.compile(r"([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)")
_LABEL = re.compile(r'([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"')
TIMES = "gateway_request_seconds"
UNCACHED = ("miss", "bypass")


@dataclass(frozen=True)
class Sample:
    """One line."""

    name: str
    labels: Mapping[str, str]
    value: float


def parse(text: str) -> list[Sample]:
    """The samples of an exposition; lines that are none are left out."""
    found = []
    for line in text.splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        try:
            found.append(Sample(match[1], dict(_LABEL.findall(match[2] or "")), float(match[3])))
        except ValueError:
            continue
    return found


def total(samples: Iterable[Sample], name: str, **labels: str) -> float:
    """The sum of a metric's samples that carry these labels."""
    return sum(
        sample.value
        for sample in samples
        if sample.name == name and all(sample.labels.get(label) == value for label, value in labels.items())
    )


def latency(samples: Iterable[Sample]) -> dict[str, float] | None:
    """Cumulative counts of answers that no cache gave, by the bound of their time; None if there is no histogram."""
    counts: dict[str, float] = {}
    there = False
    for sample in samples:
        if sample.name != f"{TIMES}_bucket":
            continue
        there = True
        if sample.labels.get("tier", "miss") in UNCACHED:
            bound = sample.labels.get("le", "")
            name = "timed" if bound == "+Inf" else f"le:{bound}"
            counts[name] = counts.get(name, 0.0) + sample.value
    return counts if there else None
