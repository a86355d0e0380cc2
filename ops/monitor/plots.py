"""Columns drawn with characters, for a terminal or a pipe of 80 columns."""

from __future__ import annotations

from collections.abc import Sequence

from ops.monitor.trend import Series

HEIGHT, WIDTH, MARGIN = 4, 70, 9
BLOCKS = " ▁▂▃▄▅▆▇█"
UNKNOWN = "·"


def plot(series: Series) -> list[str]:
    """The series as columns of `HEIGHT` lines, with its greatest value, its goal and its ends.

    A step that nothing is known of is a dot, not an empty column.
    """
    values, labels = _fit(series)
    most = max((value for value in values if value is not None), default=0.0)
    wide = max(1, (WIDTH) // max(1, len(values)))
    wide = min(wide, 3)
    lines = []
    for row in range(HEIGHT, 0, -1):
        cells = [_cell(value, most, row) for value in values]
        scale = figure(most, series.unit) if row == HEIGHT else figure(0, series.unit) if row == 1 else ""
        lines.append(f"{scale:>{MARGIN - 1}} " + "".join(cell * wide for cell in cells).rstrip())
    goal = "" if series.goal is None else f", goal {figure(series.goal, series.unit)}"
    ends = f"{labels[0]} to {labels[-1]}" if labels else ""
    return [f"{series.name}{goal}", *lines, " " * MARGIN + ends]


def figure(value: float | None, unit: str) -> str:
    """A value with its unit, short."""
    if value is None:
        return "-"
    if unit == "$":
        return f"${value:.2f}" if value >= 0.1 or not value else f"${value:.4f}" if value >= 0.001 else f"${value:.6f}"
    return f"{value:.3g}{f' {unit}' if unit == 's' else unit}" if unit else f"{value:.0f}"


def _cell(value: float | None, most: float, row: int) -> str:
    if value is None:
        return UNKNOWN if row == 1 else " "
    eighths = round(value / most * HEIGHT * 8) if most else 0
    # What is more than nothing is seen.
    eighths = max(eighths, 1 if value else 0)
    return BLOCKS[min(8, max(0, eighths - (row - 1) * 8))]


def _fit(series: Series) -> tuple[list[float | None], list[str]]:
    """The series in no more columns than there are: neighbours share one, which shows the greater."""
    each = -(-len(series.values) // WIDTH) or 1
    values: list[float | None] = []
    for start in range(0, len(series.values), each):
        known: Sequence[float] = [v for v in series.values[start : start + each] if v is not None]
        values.append(max(known) if known else None)
    return values, list(series.labels)
