"""A run's steps as bars over time: in the terminal, and as a page of its own."""

from __future__ import annotations

from collections.abc import Collection
from html import escape

from ops.reports.history import Run, StepRun
from ops.runbook import table

COLOURS = {"ok": "#6b7280", "changed": "#2563eb", "skipped": "#9ca3af", "failed": "#dc2626", "blocked": "#d97706"}
LEAST_BAR = 12


def overview(runs: Collection[Run]) -> list[str]:
    """A table of runs, the newest last."""
    head = ["RUN", "BEGAN", "TOOK", "ENDED", "CHANGED", "COMMAND"]
    rows = [
        [
            str(run.number),
            run.began.strftime("%Y-%m-%d %H:%M:%S"),
            took(run.seconds),
            run.ending or "not known",
            str(len(run.changed)),
            f"{run.command} ({run.who or 'unknown'})",
        ]
        for run in runs
    ]
    return table.lines(head, rows, limit=10_000) if rows else ["no run yet"]


def bars(run: Run, chain: Collection[str], width: int) -> list[str]:
    """A run's steps by the time they began, each a bar; `*` marks those that the end waited for.

    Args:
        chain: their keys.
        width: columns of the terminal.
    """
    lines = [
        f"run {run.number}: {run.command}",
        _facts(run),
        "",
    ]
    steps = sorted(run.steps, key=lambda step: (step.began, step.ended))
    if not steps:
        return [*lines, "no step ended"]
    names = max(len(f"{step.number} {step.key}") for step in steps)
    room = max(LEAST_BAR, width - names - 20)
    for step in steps:
        left, length = _place(run, step, room)
        bar = (" " * left + "█" * length).ljust(room)
        name = f"{step.number} {step.key}"
        lines.append(f"{'*' if step.key in chain else ' '} {name:<{names}} {bar} {took(step.seconds):>7} {step.status}")
    return [*lines, "", "* what the end waited for, one after the other"]


def page(run: Run, chain: Collection[str]) -> str:
    """The same as an HTML page that needs nothing else."""
    steps = sorted(run.steps, key=lambda step: (step.began, step.ended))
    whole = _whole(run)
    rows = []
    for number, step in enumerate(steps):
        left = 100 * max(0.0, (step.began - run.began).total_seconds()) / whole
        length = max(0.3, 100 * step.seconds / whole)
        mark = "on" if step.key in chain else ""
        rows.append(
            f'<tr class="{mark}"><th scope="row">{escape(step.number)} {escape(step.key)}</th><td class="bar">'
            f'<svg width="100%" height="14" role="img" aria-label="{took(step.seconds)}">'
            f'<rect x="{left:.2f}%" width="{min(length, 100 - left):.2f}%" height="14" rx="2"'
            f' fill="{COLOURS.get(step.status, "#6b7280")}"/></svg></td>'
            f"<td>{took(step.seconds)}</td><td>{escape(step.status)}</td>"
            f'<td class="said" id="step-{number}">{escape(step.evidence)}</td></tr>'
        )
    return PAGE.format(
        title=escape(f"Run {run.number}: {run.command}"),
        facts=escape(_facts(run)),
        rows="\n".join(rows),
    )


def took(seconds: float) -> str:
    """A length of time, short: 0.3 s, 45 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _facts(run: Run) -> str:
    ending = run.ending or "its end is not known"
    began = f"{run.began:%Y-%m-%d %H:%M:%S} UTC"
    return f"{began}, by {run.who or 'unknown'}, on {run.target}: {took(run.seconds)}, {ending}"


def _whole(run: Run) -> float:
    ends = [(step.ended - run.began).total_seconds() for step in run.steps]
    return max(run.seconds, *ends, 0.001) if ends else max(run.seconds, 0.001)


def _place(run: Run, step: StepRun, room: int) -> tuple[int, int]:
    whole = _whole(run)
    left = min(room - 1, round(room * max(0.0, (step.began - run.began).total_seconds()) / whole))
    return left, max(1, min(room - left, round(room * step.seconds / whole)))


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .2rem .5rem; vertical-align: top; font-weight: normal; }}
td.bar {{ width: 40%; }}
tr.on th {{ font-weight: 700; }}
tr.on th::before {{ content: "* "; }}
td.said {{ overflow-wrap: anywhere; }}
@media (max-width: 640px) {{ td.said {{ display: none; }} }}
</style></head><body>
<h1>{title}</h1>
<p>{facts}</p>
<table><tbody>
{rows}
</tbody></table>
<p>* what the end waited for, one after the other</p>
</body></html>
"""
