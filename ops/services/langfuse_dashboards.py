"""Langfuse's API for dashboards and their widgets, which it calls unstable: shapes are those of v4.16.0.

Widgets and dashboards have ids of their own and may share a name. Both can be listed, all of the project's at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ops.runbook.errors import RunbookError
from ops.services.langfuse import Langfuse, refused

WIDGETS, DASHBOARDS = "unstable/dashboard-widgets", "unstable/dashboards"
PAGE = 100
GUIDE = "docs/runbooks/llm-gateway-monitoring.md says how the dashboard is made by hand"
Made = dict[str, Any]
Body = Mapping[str, Any]


def widgets(langfuse: Langfuse) -> list[Made]:
    """Every widget of the project.

    Raises:
        RunbookError: LF-006 it has no such API, or one of another shape; LF-001 it refuses; WEB-001 no answer.
    """
    return _all(langfuse, WIDGETS)


def dashboards(langfuse: Langfuse) -> list[Made]:
    """Every dashboard of the project, with its tiles; errors as `widgets`."""
    return _all(langfuse, DASHBOARDS)


def create_widget(langfuse: Langfuse, body: Body) -> str:
    """Make a widget, which is on no dashboard yet; returns its id. Errors as `widgets`."""
    return _created(langfuse, WIDGETS, body)


def create_dashboard(langfuse: Langfuse, name: str, description: str, tiles: Sequence[Body]) -> str:
    """Make a dashboard with all its tiles at once; returns its id. Errors as `widgets`."""
    body = {"name": name, "description": description, "definition": {"widgets": list(tiles)}}
    return _created(langfuse, DASHBOARDS, body)


def place(langfuse: Langfuse, dashboard: str, widget: str) -> None:
    """Put a widget below what is on a dashboard. Errors as `widgets`."""
    _created(langfuse, f"{DASHBOARDS}/{dashboard}/placements", {"type": "widget", "widgetId": widget})


def _all(langfuse: Langfuse, path: str) -> list[Made]:
    found: dict[str, Made] = {}
    page, pages = 1, 1
    while page <= pages:
        response = langfuse.ask("GET", path, params={"page": str(page), "limit": str(PAGE)})
        if response.status_code == 404:
            raise RunbookError(
                "LF-006", "this Langfuse has no API for dashboards", why=GUIDE, next="inv explain LF-006"
            )
        if response.status_code != 200:
            raise refused(response, path)
        try:
            told = response.json()
            # By id: what is made meanwhile moves others to the next page.
            found |= {str(each["id"]): {**each, "name": str(each["name"])} for each in told["data"]}
            pages = int(told["meta"]["totalPages"])
        except (ValueError, KeyError, TypeError):
            raise _other_shape(path) from None
        page += 1
    return list(found.values())


def _created(langfuse: Langfuse, path: str, body: Body) -> str:
    response = langfuse.ask("POST", path, json=dict(body))
    if response.status_code not in (200, 201):
        raise refused(response, path)
    try:
        return str(response.json()["id"])
    except (ValueError, KeyError, TypeError):
        raise _other_shape(path) from None


def _other_shape(path: str) -> RunbookError:
    return RunbookError(
        "LF-006",
        f"this Langfuse's API for dashboards is not the one that is known: its answer to {path} has another shape",
        why=GUIDE,
        next="inv explain LF-006",
    )
