"""The gateway's metrics in OpenMetrics' text format (https://prometheus.io/docs/specs/om/open_metrics_spec/).

What cannot be seen now (Redis is away) has no sample, rather than one of 0.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ..store import StoreUnavailable
from . import figures
from .families import Family, families

if TYPE_CHECKING:
    from ..gateway import Gateway

MEDIA_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"


async def render(gateway: Gateway) -> str:
    """All figures of this process, and the shared ones."""
    samples: dict[str, list[figures.Sample]] = {}
    with contextlib.suppress(StoreUnavailable):
        async for name, sample in figures.shared(gateway):
            samples.setdefault(name, []).append(sample)
    for name, sample in figures.own(gateway):
        samples.setdefault(name, []).append(sample)
    return exposition(families(), samples)


def exposition(known: Mapping[str, Family], samples: Mapping[str, list[figures.Sample]]) -> str:
    """The text. Raises KeyError for a metric that is not listed, ValueError for labels that are not its own."""
    if unlisted := set(samples) - set(known):
        raise KeyError(f"not in metrics.toml: {', '.join(sorted(unlisted))}")
    return "\n".join([*(line for family in known.values() for line in _lines(family, samples)), "# EOF\n"])


def _lines(family: Family, samples: Mapping[str, list[figures.Sample]]) -> Iterator[str]:
    yield f"# TYPE {family.name} {family.type}"
    if family.unit:
        yield f"# UNIT {family.name} {family.unit}"
    yield f"# HELP {family.name} {_escaped(family.help)}"
    for sample in samples.get(family.name, ()):
        labels = [f'{name}="{_escaped(value)}"' for name, value in zip(family.labels, sample.labels, strict=True)]
        if isinstance(sample.value, int | float):
            suffix = "_total" if family.type == "counter" else ""
            yield f"{family.name}{suffix}{_braced(labels)} {_number(sample.value)}"
            continue
        count = 0
        for bound, count in sample.value.cumulative():
            up_to = _braced([*labels, f'le="{bound}"'])
            yield f"{family.name}_bucket{up_to} {count}"
        yield f"{family.name}_sum{_braced(labels)} {sample.value.sum_s:.6f}"
        yield f"{family.name}_count{_braced(labels)} {count}"


def _braced(labels: list[str]) -> str:
    return "{" + ",".join(labels) + "}" if labels else ""


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.9f}".rstrip("0").rstrip(".") or "0"
