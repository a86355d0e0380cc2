"""The page for handing over as HTML that needs nothing else: our own headings, tables, lists and paragraphs."""

from __future__ import annotations

import re
from html import escape

CELL = re.compile(r"(?<!\\\\)\|")
HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Handing over</title>
<style>
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .5rem; vertical-align: top; border-bottom: 1px solid #8884; }
p, li, code { overflow-wrap: anywhere; }
@media print { body { margin: 0; max-width: none; font-size: 10px; } tr { break-inside: avoid; } }
</style></head><body>
"""


def page(markdown: str) -> str:
    """The same contents as one HTML file."""
    blocks = re.split(r"\n{2,}", markdown.strip())
    return HEAD + "\n".join(map(_block, blocks)) + "\n</body></html>\n"


def _block(text: str) -> str:
    if heading := re.fullmatch(r"(#+) (.*)", text):
        level = len(heading[1])
        return f"<h{level}>{_inline(heading[2])}</h{level}>"
    lines = text.splitlines()
    if text.startswith("|"):
        head, _, *rows = ([_inline(cell.strip()) for cell in CELL.split(line.strip()[1:-1])] for line in lines)
        titles = "".join(f"<th>{cell}</th>" for cell in head)
        body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
        return f'<div class="wide"><table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>'
    if text.startswith("- "):
        return "<ul>" + "".join(f"<li>{_inline(line[2:])}</li>" for line in lines) + "</ul>"
    return f"<p>{_inline(text)}</p>"


def _inline(text: str) -> str:
    plain = escape(text.replace("\\|", "|"))
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", plain)
