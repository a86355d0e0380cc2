"""The dashboard in Langfuse: what of it is there, and making what is not. What is there is never changed.

A widget is known by its name, which begins with the stack's, since Langfuse says of none who made it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ops.description.stack import Stack
from ops.render import langfuse_widgets as widgets
from ops.runbook.errors import RunbookError
from ops.services import langfuse_dashboards as api
from ops.services.langfuse import Langfuse

ABOUT = (
    "Made by inv monitor.dashboards, which puts back what is missing and changes nothing; clone it to make your own."
)


@dataclass(frozen=True)
class Found:
    """What was looked for.

    Attributes:
        ids: of the widgets that are there, by name.
        missing: widgets that are not, as they would be made.
        other: names of widgets that are there and show something else.
        twice: names that are there more than once: two operators at the same moment, or a person's copy.
        dashboard: the dashboard's id, or None.
        unplaced: names of widgets that are there and not on it.
    """

    title: str
    ids: Mapping[str, str]
    missing: tuple[Mapping[str, Any], ...]
    other: tuple[str, ...]
    twice: tuple[str, ...]
    dashboard: str | None
    unplaced: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing is to be made."""
        return self.dashboard is not None and not self.missing and not self.unplaced


def look(langfuse: Langfuse, stack: Stack) -> Found:
    """What is there. Errors as `api.widgets`."""
    bodies = [each.body(widgets.prefix(stack)) for each in widgets.wanted(stack)]
    named: dict[str, list[Mapping[str, Any]]] = {body["name"]: [] for body in bodies}
    for made in api.widgets(langfuse):
        named.get(made["name"], []).append(made)
    # Of several with one name, one that shows what is wanted.
    chosen = {
        body["name"]: next((each for each in named[body["name"]] if widgets.same(each, body)), named[body["name"]][0])
        for body in bodies
        if named[body["name"]]
    }
    ours = [each for each in api.dashboards(langfuse) if each["name"] == widgets.title(stack)]
    dashboard = max(ours, key=lambda each: len(_placed(each)), default=None)
    placed = _placed(dashboard) if dashboard else frozenset()
    return Found(
        title=widgets.title(stack),
        ids={name: str(made["id"]) for name, made in chosen.items()},
        missing=tuple(body for body in bodies if body["name"] not in chosen),
        other=tuple(b["name"] for b in bodies if b["name"] in chosen and not widgets.same(chosen[b["name"]], b)),
        twice=(*(n for n, made in named.items() if len(made) > 1), *([widgets.title(stack)] if len(ours) > 1 else [])),
        dashboard=str(dashboard["id"]) if dashboard else None,
        unplaced=tuple(name for name in chosen if placed.isdisjoint(str(each["id"]) for each in named[name])),
    )


def _placed(dashboard: Mapping[str, Any]) -> frozenset[str]:
    """The widgets that a dashboard has."""
    tiles = (dashboard.get("definition") or {}).get("widgets") or ()
    return frozenset(str(tile.get("widgetId")) for tile in tiles)


def lacking(found: Found) -> Iterator[str]:
    """What is to be made, a line each."""
    for body in found.missing:
        yield f"widget {body['name']}"
    if found.dashboard is None:
        yield f"dashboard {found.title}"
        return
    for name in (*found.unplaced, *(body["name"] for body in found.missing)):
        yield f"tile {name} on dashboard {found.title}"


def left(found: Found) -> Iterator[str]:
    """What is there and somebody's own, a line each."""
    for name in found.other:
        yield f"widget {name} shows something else than described, and is left as it is"
    for name in found.twice:
        yield f"{name} is there more than once, and is left so"


def make(langfuse: Langfuse, stack: Stack, found: Found) -> None:
    """Make what is missing, and look again. It may be killed at any moment, and made anew.

    Raises:
        RunbookError: LF-007 it is not all there afterwards; else as `api.widgets`.
    """
    ids = dict(found.ids)
    for body in found.missing:
        ids[body["name"]] = api.create_widget(langfuse, body)
    if found.dashboard is None:
        order = [f"{widgets.prefix(stack)}{each.title}" for each in widgets.wanted(stack)]
        api.create_dashboard(langfuse, found.title, ABOUT, widgets.tiles([ids[name] for name in order]))
    else:
        for name in (*found.unplaced, *(body["name"] for body in found.missing)):
            api.place(langfuse, found.dashboard, ids[name])
    again = look(langfuse, stack)
    if not again.whole:
        raise RunbookError(
            "LF-007",
            f"Langfuse took it, and does not show it: {'; '.join(lacking(again))}",
            next="inv monitor.dashboards",
        )
