"""Charts as SVG, made here, so that a page needs no script. Colours are classes, which the page gives."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from ops.monitor.plots import figure
from ops.monitor.trend import Series

WIDTH, HEIGHT = 640, 180
LEFT, RIGHT, TOP, BOTTOM = 58, 8, 10, 24


def chart(series: Series) -> str:
    """Columns over time with the goal as a line, a title for each column, and text for those who cannot see it."""
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(_said(series))}">'
        + "".join(_parts(series))
        + "</svg>"
    )


def _parts(series: Series) -> Iterator[str]:
    known = [value for value in series.values if value is not None]
    most = max([*known, series.goal or 0.0]) or 1.0
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    for share in (0.0, 0.5, 1.0):
        y = TOP + high * (1 - share)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        label = figure(most * share, series.unit)
        yield f'<text class="axis" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(label)}</text>'
    each = wide / max(1, len(series.values))
    for place, (label, value) in enumerate(zip(series.labels, series.values, strict=True)):
        x = LEFT + place * each
        title = f"<title>{escape(label)}: {escape('unknown' if value is None else figure(value, series.unit))}</title>"
        if value is None:
            yield f'<circle class="unknown" cx="{x + each / 2:.1f}" cy="{TOP + high - 2}" r="1.5">{title}</circle>'
            continue
        tall = max(1.0 if value else 0.0, high * value / most)
        yield (
            f'<rect class="bar" x="{x + each * 0.1:.1f}" y="{TOP + high - tall:.1f}" width="{each * 0.8:.1f}" '
            f'height="{tall:.1f}">{title}</rect>'
        )
    if series.goal is not None:
        y = TOP + high * (1 - series.goal / most)
        yield f'<line class="goal" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    if series.labels:
        yield f'<text class="axis" x="{LEFT}" y="{HEIGHT - 6}">{escape(series.labels[0])}</text>'
        yield (
            f'<text class="axis" x="{WIDTH - RIGHT}" y="{HEIGHT - 6}" text-anchor="end">'
            f"{escape(series.labels[-1])}</text>"
        )


def _said(series: Series) -> str:
    known = [value for value in series.values if value is not None]
    if not known:
        return f"{series.name}: nothing known"
    goal = "" if series.goal is None else f", goal {figure(series.goal, series.unit)}"
    return f"{series.name}: from {figure(min(known), series.unit)} to {figure(max(known), series.unit)}{goal}"
