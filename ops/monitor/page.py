"""The report as one page: no script, nothing loaded; for a phone, in the dark, and on paper."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from ops.description.stack import Success
from ops.monitor import charts, trend
from ops.monitor.report import Metric, Report, by_day
from ops.monitor.show import goals
from ops.monitor.style import STYLE
from ops.runbook.secret import redactor

WORDS = {True: "met", False: "missed", None: "unknown"}
# Nothing may be fetched, not even by what somebody adds to the page.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def page(report: Report, success: Success, name: str) -> str:
    """The whole page.

    Args:
        name: of the stack.
    """
    title = f"{name}: LLM gateway, {trend.named(report.period)}"
    return redactor("\n".join([
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<link rel="icon" href="data:,">',
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>",
        f"<h1>{escape(name)}: LLM gateway</h1><p>{escape(trend.named(report.period))}</p>",
        *_cards(report),
        *_teams(report),
        *_charts(report, success),
        *_days(report),
        *_hours(report),
        *_notes(report),
        "</main></body></html>\n",
    ]))  # fmt: skip


def _cards(report: Report) -> Iterator[str]:
    yield '<section class="cards" aria-label="goals">'
    for metric in report.whole:
        yield (
            f'<div class="card {WORDS[metric.met]}"><h2>{escape(metric.name)}</h2>'
            f'<p class="value">{escape(metric.shown)}</p>'
            f"<p>{WORDS[metric.met] if metric.value is not None else escape(metric.reason)}; "
            f"goal {escape(metric.goal)}</p></div>"
        )
    yield "</section>"


def _teams(report: Report) -> Iterator[str]:
    head = ["team", "requests", *(metric.name for metric in report.whole)]
    rows = []
    for team in report.teams:
        sums = report.best.of(team) if report.best else None
        named = team if team in report.production else f"{team} (tests, in no total)"
        cells = [_cell(metric) for metric in report.metrics[team]]
        rows.append([escape(named), "unknown" if sums is None else str(sums.requests), *cells])
    yield from _table("By team", head, rows)


def _cell(metric: Metric) -> str:
    shown = escape(metric.shown)
    return f'<strong class="missed">{shown}<span> missed</span></strong>' if metric.met is False else shown


def _charts(report: Report, success: Success) -> Iterator[str]:
    for series in trend.series(report, goals(success)):
        yield f"<figure><figcaption>{escape(series.name)}</figcaption>{charts.chart(series)}</figure>"


def _days(report: Report) -> Iterator[str]:
    if report.best is None:
        return
    rows = [
        [
            name, str(f.requests), _share(f.hit_rate), _share(f.error_rate), str(f.limited), f"${f.usd:.4f}",
        ]
        for name, f in by_day(report, report.production).items()
    ]  # fmt: skip
    yield from _table("By day (UTC)", ["day", "requests", "cache hit rate", "errors", "over a limit", "dollars"], rows)


def _hours(report: Report) -> Iterator[str]:
    rows = [
        [f"{hour:02}:00", str(f.requests), _share(f.hit_rate), _share(f.error_rate), str(f.limited)]
        for hour, f in sorted(trend.hours_of_day(report).items())
    ]
    if rows:
        head = ["hour", "requests", "cache hit rate", "errors", "over a limit"]
        yield from _table("By hour of the day (UTC)", head, rows)


def _notes(report: Report) -> Iterator[str]:
    if report.best and (shed := report.best.of(*report.production).shed):
        yield f"<p>{shed} requests were shed, since too many were under way: errors, of which there is no trace.</p>"
    for title, found in (("Unknown", report.unknown), ("Sources that disagree", report.disagreements)):
        if found:
            yield f"<section><h2>{title}</h2><ul>{''.join(f'<li>{escape(each)}</li>' for each in found)}</ul></section>"
    if report.traces and report.counted and not report.disagreements:
        yield "<p>Langfuse and the gateway's own counts agree within 1%.</p>"


def _table(title: str, head: list[str], rows: list[list[str]]) -> Iterator[str]:
    """A table whose cells carry their column's name, for screens too narrow for columns."""
    yield f"<section><h2>{escape(title)}</h2><table><thead><tr>"
    yield "".join(f'<th scope="col">{escape(name)}</th>' for name in head) + "</tr></thead><tbody>"
    for row in rows:
        cells = "".join(
            f'<td data-name="{escape(name)}">{cell}</td>' for name, cell in zip(head[1:], row[1:], strict=True)
        )
        yield f'<tr><th scope="row">{row[0]}</th>{cells}</tr>'
    yield "</tbody></table></section>"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
