"""The two pages a person can look at: sign in, and the latest traces."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from starlette.responses import HTMLResponse

from ops.standins.langfuse_store import Observation

SIGN_IN_PATH = "/auth/sign-in"
SHOWN_TRACES = 100
SHOWN_CHARS = 120
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
    "x-frame-options": "DENY",
}
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 14px/1.5 system-ui, sans-serif; margin: 2rem; color: #222 }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #ddd; vertical-align: top }}
td.number {{ text-align: right; font-variant-numeric: tabular-nums }}
tr.ERROR td {{ background: #fee }}
label {{ display: block; margin: .5rem 0 }}
</style></head><body><h1>{title}</h1><p>A stand-in for Langfuse, for rehearsals.</p>{body}</body></html>
"""
COLUMNS = (
    "Start (UTC)",
    "Name",
    "Model",
    "Input",
    "Output",
    "Latency s",
    "Tokens",
    "Cost USD",
    "Cache",
    "Tags",
)


def _page(title: str, body: str) -> HTMLResponse:
    return HTMLResponse(PAGE.format(title=escape(title), body=body), headers=HEADERS)


def sign_in_page(csrf_token: str, target: str, *, failed: bool) -> HTMLResponse:
    """The sign-in form, leading to ``target`` afterwards."""
    said = "<p role=alert><strong>Invalid credentials.</strong></p>" if failed else ""
    form = f"""{said}<form method="post" action="/api/auth/callback/credentials">
<input type="hidden" name="csrfToken" value="{escape(csrf_token)}">
<input type="hidden" name="callbackUrl" value="{escape(target)}">
<label>Email <input name="email" type="email" autocomplete="username" required></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button>Sign in</button></form>"""
    return _page("Sign in", form)


def traces_page(project_name: str, observations: Iterable[Observation]) -> HTMLResponse:
    """A table of the latest observations."""
    latest = sorted(observations, key=lambda o: o.start_time, reverse=True)[:SHOWN_TRACES]
    head = "".join(f"<th>{name}</th>" for name in COLUMNS)
    body = "".join(_row(o) for o in latest) or f"<tr><td colspan={len(COLUMNS)}>No traces yet.</td></tr>"
    return _page(f"Traces: {project_name}", f"<table><tr>{head}</tr>{body}</table>")


def _row(o: Observation) -> str:
    texts = [
        o.start_time.strftime("%Y-%m-%d %H:%M:%S"),
        o.trace_name or o.name,
        o.provided_model_name or "",
        _short(o.input),
        _short(o.status_message or o.output),
    ]
    numbers = [
        "" if o.latency_s is None else f"{o.latency_s:.3f}",
        str(o.usage_details.get("total", "")),
        "" if o.total_cost is None else f"{o.total_cost:.6f}",
    ]
    cells = "".join(f"<td>{escape(text)}</td>" for text in texts)
    cells += "".join(f'<td class="number">{escape(text)}</td>' for text in numbers)
    cells += f"<td>{escape(str(o.metadata.get('cache_hit', '')).lower())}</td><td>{escape(', '.join(o.tags))}</td>"
    return f'<tr class="{escape(o.level)}">{cells}</tr>'


def _short(text: str | None) -> str:
    text = text or ""
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"
