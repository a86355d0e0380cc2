"""The dashboard in Langfuse: made once, completed after a kill, nobody else's touched, and right in what it shows."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from ops.commands import dashboards as command
from ops.description import read
from ops.description.stack import Stack
from ops.monitor import dashboards
from ops.monitor.dashboards import Found
from ops.monitor.figures import Period
from ops.render import langfuse_widgets as widgets
from ops.render.langfuse_widgets import Widget
from ops.runbook.errors import RunbookError
from ops.services import langfuse_dashboards as api
from ops.services.langfuse import Langfuse
from ops.standins import langfuse as standin
from ops.standins.langfuse_api import Switches
from ops.standins.langfuse_settings import Settings
from tests.integration.checkout import ROOT
from tests.monitor.support import NOW, PRODUCTION, Gateway, Holding, counted_as, look, traffic


class Killed(BaseException):
    """The process is ended here."""


class Served(Langfuse):
    """The client, of a stand-in that is not a process of its own.

    Attributes:
        posts: what was made, by its path and name.
        dies_at: the number of the request to make something with which the process is killed.
        dies_after: Langfuse still does it.
    """

    def __init__(self, state: Path) -> None:
        self.base, self.auth = "https://langfuse.example.com", (secrets.token_hex(8), secrets.token_hex(16))
        keys = {"LANGFUSE_PUBLIC_KEY": self.auth[0], "LANGFUSE_SECRET_KEY": self.auth[1]}
        served = standin.Langfuse(Settings.read(keys), state, Switches(), 10, None)
        self.client = TestClient(served.app())
        self.posts: list[tuple[str, str]] = []
        self.dies_at, self.dies_after = -1, False

    def __exit__(self, *details: object) -> None:
        """It is used again."""

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Ask the stand-in."""
        dies = method == "POST" and len(self.posts) == self.dies_at
        if method == "POST":
            self.posts.append((path, options["json"].get("name", "")))
        if dies and not self.dies_after:
            raise Killed
        answer = self.client.request(method, f"/api/public/{path}", auth=self.auth, **options)
        if dies:
            raise Killed
        return answer

    def switch(self, **switches: Any) -> None:
        """Have the stand-in behave otherwise."""
        self.client.post("/_control/switches", json=switches).raise_for_status()


@pytest.fixture(scope="module")
def stack() -> Stack:
    return read.read(ROOT / "ops" / "stack.toml", {})


@pytest.fixture
def langfuse(tmp_path: Path) -> Served:
    return Served(tmp_path)


def made(langfuse: Served, stack: Stack) -> Found:
    dashboards.make(langfuse, stack, dashboards.look(langfuse, stack))
    return dashboards.look(langfuse, stack)


def test_it_is_made_once_and_again_nothing_is(langfuse: Served, stack: Stack) -> None:
    found = made(langfuse, stack)
    assert found.whole
    assert len(langfuse.posts) == len(widgets.wanted(stack)) + 1
    (shown,) = api.dashboards(langfuse)
    assert [tile["widgetId"] for tile in shown["definition"]["widgets"]] == list(found.ids.values())
    places = {(tile["x"], tile["y"]) for tile in shown["definition"]["widgets"]}
    assert len(places) == len(found.ids)
    langfuse.posts.clear()
    assert made(langfuse, stack) == found
    assert langfuse.posts == []


@pytest.mark.parametrize("dies_after", [False, True])
def test_one_killed_at_any_moment_is_completed_and_makes_nothing_twice(
    tmp_path: Path, stack: Stack, dies_after: bool
) -> None:
    for at in range(len(widgets.wanted(stack)) + 1):
        langfuse = Served(tmp_path / str(at))
        langfuse.dies_at, langfuse.dies_after = at, dies_after
        with pytest.raises(Killed):
            made(langfuse, stack)
        langfuse.dies_at = -1
        assert made(langfuse, stack).whole
        assert len(api.widgets(langfuse)) == len(widgets.wanted(stack))
        assert len(api.dashboards(langfuse)) == 1


def test_what_a_person_made_stays_as_it_is(langfuse: Served, stack: Stack) -> None:
    """Also under a name of ours: it is told, kept on the dashboard, and not made beside it."""
    mine = {**widgets.wanted(stack)[0].body("Mine: "), "chartType": "PIE"}
    taken = {**widgets.wanted(stack)[0].body(widgets.prefix(stack)), "chartType": "PIE"}
    ids = [api.create_widget(langfuse, each) for each in (mine, taken)]
    own = api.create_dashboard(langfuse, "Mine", "", widgets.tiles(ids[:1]))
    before = {each["id"]: each for each in (*api.widgets(langfuse), *api.dashboards(langfuse))}
    found = made(langfuse, stack)
    after = {each["id"]: each for each in (*api.widgets(langfuse), *api.dashboards(langfuse))}
    assert {id: after[id] for id in before} == before
    assert list(dashboards.left(found)) == [
        f"widget {taken['name']} shows something else than described, and is left as it is"
    ]
    assert found.ids[taken["name"]] == ids[1]
    assert found.dashboard != own
    assert len(api.widgets(langfuse)) == len(widgets.wanted(stack)) + 1


def test_what_two_operators_made_at_once_is_told_and_stays(langfuse: Served, stack: Stack) -> None:
    found = made(langfuse, stack)
    twin = widgets.wanted(stack)[1].body(widgets.prefix(stack))
    api.create_widget(langfuse, twin)
    api.create_dashboard(langfuse, found.title, "", [])
    langfuse.posts.clear()
    again = made(langfuse, stack)
    assert langfuse.posts == []
    assert (again.whole, again.dashboard) == (True, found.dashboard)
    assert list(dashboards.left(again)) == [
        f"{name} is there more than once, and is left so" for name in (twin["name"], found.title)
    ]


def test_what_somebody_deleted_is_made_again_below_the_rest(langfuse: Served, stack: Stack) -> None:
    found = made(langfuse, stack)
    (shown,) = api.dashboards(langfuse)
    gone, *rest = shown["definition"]["widgets"]
    langfuse.ask("DELETE", f"{api.DASHBOARDS}/{found.dashboard}")
    langfuse.ask("DELETE", f"{api.WIDGETS}/{gone['widgetId']}")
    api.create_dashboard(langfuse, found.title, "", rest)
    langfuse.posts.clear()
    lacks = list(dashboards.lacking(dashboards.look(langfuse, stack)))
    assert [line.split(" ")[0] for line in lacks] == ["widget", "tile"]
    assert made(langfuse, stack).whole
    assert len(langfuse.posts) == len(lacks)
    (shown,) = api.dashboards(langfuse)
    assert shown["definition"]["widgets"][-1]["y"] >= max(tile["y"] for tile in rest)


def test_more_than_a_page_of_widgets_is_looked_through(langfuse: Served, stack: Stack) -> None:
    found = made(langfuse, stack)
    for number in range(api.PAGE + 1):
        api.create_widget(langfuse, widgets.wanted(stack)[0].body(f"{number}: "))
    assert dashboards.look(langfuse, stack) == found


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (404, "LF-006", "this Langfuse has no API for dashboards"),
        (401, "LF-001", "Langfuse answered 401 to unstable/dashboard-widgets"),
        (429, "LF-001", "Langfuse answered 429 to unstable/dashboard-widgets"),
        (503, "LF-001", "Langfuse answered 503 to unstable/dashboard-widgets"),
    ],
)
def test_a_langfuse_that_refuses_is_told_in_one_sentence(
    langfuse: Served, stack: Stack, status: int, code: str, said: str
) -> None:
    if status == 401:
        langfuse.auth = ("pk-lf-nobody", "sk-lf-nobody")
    else:
        langfuse.switch(dashboards_status=status)
    with pytest.raises(RunbookError) as error:
        made(langfuse, stack)
    assert (error.value.code, error.value.what) == (code, said)
    assert langfuse.posts == []
    if status == 404:
        assert "by hand" in error.value.why
        assert (ROOT / error.value.why.split(" ")[0]).is_file()


@pytest.mark.parametrize("answer", [{}, [], {"data": [{"name": "no id"}], "meta": {"totalPages": 1}}, {"data": []}])
def test_answers_of_another_shape_are_no_error_of_ours(
    langfuse: Served, stack: Stack, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    monkeypatch.setattr(langfuse, "ask", lambda *_, **__: httpx.Response(200, json=answer))
    with pytest.raises(RunbookError, match="has another shape") as error:
        dashboards.look(langfuse, stack)
    assert error.value.code == "LF-006"


def test_what_is_taken_and_not_there_afterwards_is_no_success(
    langfuse: Served, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "create_dashboard", lambda *_: "an id")
    with pytest.raises(RunbookError) as error:
        made(langfuse, stack)
    assert error.value.code == "LF-007"
    assert widgets.title(stack) in error.value.what


def test_the_command_says_looks_notes_and_makes(
    langfuse: Served, stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Deployment:
        target_name, paths, state = "local", None, tmp_path

        def endpoints(self) -> Any:
            return type("Endpoints", (), {"langfuse": langfuse.base})

    opened: Any = Deployment()
    opened.stack, opened.paths, opened.target = stack, opened, opened
    monkeypatch.setattr(command, "open_deployment", lambda target: opened)
    monkeypatch.setattr(command, "_langfuse", lambda deployment: langfuse)
    journal = tmp_path / "journal.jsonl"
    said = command.would("").splitlines()
    assert len(said) == len(widgets.wanted(stack)) + 1
    assert all(line.startswith("would make ") for line in said)
    assert (langfuse.posts, journal.exists()) == ([], False)
    assert command.make("").splitlines() == [line.replace("would make", "made") for line in said]
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [(event["event"], event["state"]) for event in events] == [("dashboards", "asked"), ("dashboards", "made")]
    assert [f"would make {line}" for line in events[1]["what"]] == said
    assert command.make("").startswith("all of it is there: https://langfuse.example.com, Dashboards, ")
    assert len(journal.read_text().splitlines()) == 2


# --- what the widgets show -------------------------------------------------------------------------------------------


def asked(widget: Widget, holding: Holding) -> list[dict[str, Any]]:
    """The rows of the figures that a widget shows, over two days."""
    period = Period.back(timedelta(hours=48), NOW)
    body = widget.body("")
    return holding.metrics(
        {
            "view": body["view"],
            "dimensions": body["dimensions"],
            "metrics": [{"measure": each["measure"], "aggregation": each["agg"]} for each in body["metrics"]],
            "filters": body["filters"],
            "fromTimestamp": period.begin.isoformat(),
            "toTimestamp": period.end.isoformat(),
        }
    )


def test_the_widgets_show_what_the_report_says(stack: Stack) -> None:
    """Each figure of the report is one, or two, of theirs; requests of the tests' team are in none."""
    requests = traffic()
    holding = Holding(requests)
    report = look(holding, Gateway(counted_as(requests)))
    sums = report.traces.of(*PRODUCTION) if report.traces else None
    assert sums is not None
    shown = {each.title: asked(each, holding) for each in widgets.wanted(stack)}

    def count(title: str) -> int:
        return sum(int(row["count_count"]) for row in shown[title])

    assert (count("cache hits"), count("cache misses")) == (sums.hits, sums.uncached)
    levels = {row["level"]: int(row["count_count"]) for row in shown["requests by level"]}
    assert levels["ERROR"] / (levels["ERROR"] + levels["DEFAULT"]) == pytest.approx(sums.error_rate)
    assert shown["P95"] == shown["P95 over time"]
    assert float(shown["P95"][0]["p95_latency"]) == pytest.approx((report.traces.p95_all_s or 0) * 1000, rel=1e-3)
    for title in ("dollars over time", "dollars by route and team", "usage by route and team"):
        assert sum(float(row["sum_totalCost"]) for row in shown[title]) == pytest.approx(sums.usd), title
    assert count("failed requests by route and team") == sums.errors == 1
    assert count("usage by route and team") == sums.requests
    assert {row["name"] for row in shown["usage by route and team"]} == {f"chat {team}" for team in PRODUCTION}
    assert count("over a limit by route and team") == sums.limited == 0


def test_a_limit_reached_is_shown_and_a_stack_without_a_team_for_tests_needs_no_filter(stack: Stack) -> None:
    import msgspec

    plain = msgspec.structs.replace(stack, teams={n: t for n, t in stack.teams.items() if not t.mirrors})
    holding = Holding(traffic())
    by_title = {each.title: each for each in widgets.wanted(plain)}
    (row,) = asked(by_title["over a limit by route and team"], holding)
    assert (row["name"], int(row["count_count"])) == ("chat probe", 1)
