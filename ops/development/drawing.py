"""A Mermaid flowchart of ours as SVG, for pages that load nothing to draw it with.

It knows what `architecture.py` writes: subgraphs, nodes with a bold name over lines of text, arrows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape

NODE = re.compile(r'^\s*(?P<key>\w+)\["<b>(?P<name>.*?)</b><br/>(?P<text>.*)"\]$')
ARROW = re.compile(r"^\s*(?P<above>\w+) --> (?P<below>\w+)$")
GROUP = re.compile(r"^\s*subgraph (?P<name>\w+)$")
WIDTH, LINE, GAP, ROW_GAP, MARGIN = 190, 15, 16, 44, 12  # pixels
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:currentColor;text-anchor:middle}.name{font-weight:700;font-size:13px}"
    "rect,path{fill:none;stroke:currentColor}rect{stroke-opacity:.6}path{stroke-opacity:.35}"
)


@dataclass
class Group:
    """One subgraph: its boxes, each name with its lines of text, and who points to whom."""

    name: str
    boxes: dict[str, list[str]] = field(default_factory=dict)
    arrows: list[tuple[str, str]] = field(default_factory=list)

    def rows(self) -> list[list[str]]:
        """The boxes in rows, each below all that point to it."""
        above: dict[str, list[str]] = {key: [] for key in self.boxes}
        for source, target in self.arrows:
            above[target].append(source)
        depth: dict[str, int] = {}

        def of(key: str) -> int:
            if key not in depth:
                depth[key] = 1 + max(map(of, above[key]), default=-1)
            return depth[key]

        rows: dict[int, list[str]] = {}
        for key in self.boxes:
            rows.setdefault(of(key), []).append(key)
        return [rows[number] for number in sorted(rows)]


def groups(text: str) -> list[Group]:
    """The subgraphs of a flowchart.

    Raises:
        ValueError: a line that this does not know.
    """
    found: list[Group] = []
    for line in text.splitlines():
        if match := GROUP.match(line):
            found.append(Group(match["name"]))
        elif match := NODE.match(line):
            found[-1].boxes[match["key"]] = [match["name"], *(part.strip() for part in match["text"].split("<br/>"))]
        elif match := ARROW.match(line):
            found[-1].arrows.append((match["above"], match["below"]))
        elif line.strip() not in ("", "end", "flowchart TB"):
            raise ValueError(f"no line of a drawing: {line!r}")
    return found


def svg(group: Group) -> str:
    """One subgraph as an SVG element in the colours of its page, as wide as its widest row."""
    rows = group.rows()
    whole = max(len(row) for row in rows) * (WIDTH + GAP) + 2 * MARGIN
    place: dict[str, tuple[float, float, float]] = {}  # centre, top, height
    top = float(MARGIN)
    for row in rows:
        height = max(len(group.boxes[key]) for key in row) * LINE + 14
        left = (whole - len(row) * (WIDTH + GAP) + GAP) / 2
        for number, key in enumerate(row):
            place[key] = (left + number * (WIDTH + GAP) + WIDTH / 2, top, height)
        top += height + ROW_GAP
    parts = [_arrow(place[above], place[below]) for above, below in group.arrows]
    parts += [_box(*place[key], lines) for key, lines in group.boxes.items()]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole:.0f} {top - ROW_GAP + MARGIN:.0f}" role="img"'
        f' style="max-width:100%;min-width:{whole * 0.6:.0f}px" aria-label="Packages of {escape(group.name)}, from the'
        f' highest layer to the lowest"><style>{STYLE}</style>{"".join(parts)}</svg>'
    )


def _box(centre: float, top: float, height: float, lines: list[str]) -> str:
    texts = "".join(
        f'<text class="{"text" if number else "name"}" x="{centre:.0f}" y="{top + 18 + number * LINE:.0f}">'
        f"{escape(line)}</text>"
        for number, line in enumerate(lines)
    )
    return f'<rect x="{centre - WIDTH / 2:.0f}" y="{top:.0f}" width="{WIDTH}" height="{height:.0f}" rx="5"/>{texts}'


def _arrow(above: tuple[float, float, float], below: tuple[float, float, float]) -> str:
    start, end = above[1] + above[2], below[1]
    middle = (start + end) / 2
    return (
        f'<path d="M{above[0]:.0f} {start:.0f} C{above[0]:.0f} {middle:.0f} {below[0]:.0f} {middle:.0f}'
        f' {below[0]:.0f} {end:.0f}"/>'
    )
