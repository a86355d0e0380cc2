"""Tables of text, for a terminal of any width."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from typing import TextIO

GAP = "  "


def width() -> int:
    """Columns of the terminal; 80 where there is none."""
    return shutil.get_terminal_size((80, 24)).columns


def wrapped(text: str) -> str:
    """Text in the terminal's width, broken between words; paragraphs, list items and what is indented keep apart."""
    made: list[str] = []
    for line in text.splitlines():
        if line and made and made[-1] and not line.startswith((" ", "- ", "* ")):
            made[-1] += f" {line}"
        else:
            made.append(line)
    room = width()
    return "\n".join(
        textwrap.fill(line, room, break_long_words=False, break_on_hyphens=False) if line[:1] != " " else line
        for line in made
    )


def fitted(rows: Sequence[str], stream: TextIO) -> list[str]:
    """Lines for a terminal go on below their own beginning, at whole words; for a pipe they stay whole.

    A line of a difference, behind four blanks, stays whole as well: it is to be copied.
    """
    if not stream.isatty():
        return list(rows)
    made: list[str] = []
    for row in rows:
        indent = len(row) - len(row.lstrip())
        if row.startswith("    ") and row[4:5] in "+-@ ":
            made.append(row)
            continue
        made += textwrap.wrap(
            row, width(), subsequent_indent=" " * (indent + 2), break_long_words=False, break_on_hyphens=False
        ) or [""]
    return made


def lines(head: Sequence[str], rows: Sequence[Sequence[str]], limit: int | None = None) -> list[str]:
    """A table whose first column names the rows. Columns that do not fit go into a further table below it.

    Args:
        head: the columns' names.
        rows: as many cells each.
        limit: widest line allowed; the terminal's width when not given.
    """
    limit = limit or width()
    cells = [head, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    blocks: list[list[int]] = [[0]]
    for column in range(1, len(head)):
        used = sum(widths[each] + len(GAP) for each in blocks[-1])
        if len(blocks[-1]) > 1 and used + widths[column] > limit:
            blocks.append([0])
        blocks[-1].append(column)
    text: list[str] = []
    for block in blocks:
        if text:
            text.append("")
        text += [GAP.join(f"{row[column]:<{widths[column]}}" for column in block).rstrip() for row in cells]
    return text
