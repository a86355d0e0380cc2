"""When a cutover is good, when it is not, and when that cannot be told."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ops.cutover import report, verify
from ops.cutover.counters import Counters
from ops.cutover.traffic import Span, Traffic
from ops.runbook.errors import RunbookError
from ops.session.compose import compose
from ops.targets.deployment import Deployment
from tests.cutover.langfuse import Holding, observation, unanswered

NOW = datetime(2026, 11, 28, 13, tzinfo=UTC)
CUT = NOW - timedelta(minutes=30)
SHOP = "prod_customer"
GOALS = compose("local", {}).stack.success
QUIET = Counters(
    requests=0, tokens=0, usd_today=0.0, answers={"miss": 7}, unanswered={"failed": 0}, last=None, wrong_keys=0,
    own_failures={}, waiting=0, lost=0,
)  # fmt: skip
SPAN = Span(CUT, NOW)


@pytest.mark.parametrize(
    ("found", "counted", "says"),
    [
        (Traffic(requests=100), QUIET, None),
        (Traffic(requests=1000, failed=9), QUIET, None),
        (Traffic(requests=100, failed=1), QUIET, "1 of 100 requests got no answer (1.0%); the goal is below 1%"),
        (Traffic(requests=4, refused=4), QUIET, "4 of 4 requests got no answer (100.0%)"),
        (Traffic(requests=1000, limited=1), QUIET, "1 requests were over a limit; the goal is 0"),
        (Traffic(), QUIET, "no request of this team"),
        (Traffic(), None, "no request of this team"),
        (Traffic(), replace(QUIET, last=NOW), "counted a request at 13:00:00 UTC, but no trace is there yet"),
        (Traffic(), replace(QUIET, last=CUT - timedelta(seconds=1)), "no request of this team"),
        (None, replace(QUIET, last=NOW), "cannot be told"),
    ],
)
def test_what_speaks_against_it(found: Traffic | None, counted: Counters | None, says: str | None) -> None:
    problems = verify.judge(found, counted, SPAN, GOALS)
    assert len(problems) == (says is not None)
    assert says is None or says in problems[0]


class Down(Holding):
    """A Langfuse that does not answer."""

    def get(self, path: str, query: Any) -> Any:
        raise RunbookError("WEB-001", "https://langfuse.example.com does not answer", next="inv status")


def admin(
    used: int = 0, waiting: int = 0, lost: int = 0, wrong_keys: int = 0, last: datetime | None = None, **failures: int
) -> Any:
    """The gateway's admin routes, as they answer."""
    now = {"requests": used, "tokens": 9 * used, "usd_today": 0.5, "usd_reserved": 0.0}
    unanswered = {"limited": 1, "malformed": 2, "failed": 3}
    moment = int(last.timestamp()) if last else None
    teams = [{"name": SHOP, "used": now, "unanswered": unanswered, "last_request_s": moment}]
    answers = {"exact": 1, "semantic": 0, "miss": 2, "bypass": 0}
    told = {
        "/gateway/admin/teams": {"teams": teams},
        "/gateway/admin/cache": {"teams": {SHOP: {"answers": answers}}},
        "/gateway/admin/status": {
            "ready": True,
            "wrong_keys": wrong_keys,
            "own_failures": failures,
            "traces": {"sent": 1, "waiting": waiting, "lost": lost},
        },
    }
    return lambda method, path: told[path]


def away(method: str, path: str) -> Any:
    raise RunbookError("GW-001", f"the gateway answered not at all to {path}", next="inv deploy.release")


def seen(
    monkeypatch: pytest.MonkeyPatch, langfuse: Holding, ask: Any, cut: datetime | None = None
) -> verify.Verification:
    monkeypatch.setattr(verify, "Langfuse", lambda *access: langfuse)
    monkeypatch.setattr(Holding, "__exit__", lambda self, *details: None)
    real = compose("local", {})
    deployment = SimpleNamespace(
        stack=real.stack,
        team=real.team,
        target=SimpleNamespace(endpoints=lambda: None, admin=ask),
        vault=SimpleNamespace(get=lambda name: None),
    )
    return verify.verify(cast(Deployment, deployment), SHOP, timedelta(hours=1), cut, NOW)


STORED = Holding(
    [
        *(unanswered(CUT - timedelta(minutes=5), SHOP, "ERROR", 502, "broke off") for _ in range(3)),
        observation(CUT - timedelta(minutes=45), SHOP, seconds=4),
        observation(CUT - timedelta(hours=2), SHOP, seconds=9),
        *(observation(CUT + timedelta(minutes=n), SHOP) for n in (0, 1, 2)),
    ]
)


def test_before_and_after_the_cut_are_told_apart_and_the_verdict_is_on_what_came_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = seen(monkeypatch, STORED, admin(), CUT)
    assert found.traffic_before
    assert found.traffic_after
    assert (found.traffic_before.requests, found.traffic_before.failed, found.traffic_before.p95_s) == (4, 3, 4.0)
    assert (found.traffic_after.requests, found.traffic_after.failed, found.traffic_after.p95_s) == (3, 0, 1.0)
    assert found.newest
    assert found.newest.at == CUT + timedelta(minutes=2)
    assert found.good
    assert found.unknown == ()


def test_without_a_cut_all_of_the_span_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    found = seen(monkeypatch, STORED, admin())
    assert found.before is None
    assert found.traffic_after
    assert found.traffic_after.requests == 6
    assert not found.good


def test_a_gateway_that_does_not_tell_leaves_its_counters_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    found = seen(monkeypatch, STORED, away, CUT)
    assert found.good
    assert found.counters is None
    assert found.unknown == ("counters: the gateway answered not at all to /gateway/admin/teams",)
    assert "counters        unknown" in "\n".join(report.lines(found, GOALS))


def test_a_langfuse_that_is_away_leaves_everything_of_the_traces_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    found = seen(monkeypatch, Down([]), admin(used=5), CUT)
    assert (found.traffic_before, found.traffic_after, found.newest) == (None, None, None)
    assert found.problems == ("whether traffic arrives cannot be told: the traces could not be read",)
    assert [reason.split(":")[0] for reason in found.unknown] == ["traces", "traces before the cut", "last request"]
    text = "\n".join(report.lines(found, GOALS))
    assert "5 requests and 45 tokens within the last minute" in text
    assert re.search(r"^last request +unknown$", text, re.MULTILINE)
    told = json.loads(report.as_json(found, "local"))
    assert (told["after"]["traffic"], told["last_request"]) == (None, None)


def test_no_request_in_a_week_is_none_and_not_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    found = seen(monkeypatch, Holding([]), admin())
    assert re.search(r"^last request +none within the last week$", "\n".join(report.lines(found, GOALS)), re.MULTILINE)
    assert json.loads(report.as_json(found, "local"))["last_request"] == {"at": None}
    assert found.problems == ("no request of this team",)


@pytest.mark.parametrize(
    ("ask", "says"), [(admin(lost=4), "4 traces were lost"), (admin(waiting=2), "2 traces are on their way")]
)
def test_traces_that_did_not_arrive_are_told(monkeypatch: pytest.MonkeyPatch, ask: Any, says: str) -> None:
    assert says in seen(monkeypatch, STORED, ask).unknown[0]


def test_what_belongs_to_no_team_is_noted_and_speaks_against_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = seen(monkeypatch, STORED, admin(wrong_keys=3, ImportError=2), CUT)
    assert found.good
    keys, own = found.notes
    assert "3 requests came with a key that no team has" in keys
    assert "2 requests, of any team, failed by the gateway's own doing (ImportError)" in own
    assert [line for line in report.lines(found, GOALS) if line.startswith("note: ")] == [
        f"note: {keys}",
        f"note: {own}",
    ]
    assert json.loads(report.as_json(found, "local"))["notes"] == [keys, own]


def test_the_last_request_is_known_without_traces_and_unanswered_ones_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = seen(monkeypatch, Down([]), admin(last=NOW - timedelta(seconds=7)), CUT)
    text = "\n".join(report.lines(found, GOALS))
    assert re.search(r"^last request +2026-11-28 12:59:53 UTC, 7 s ago$", text, re.MULTILINE)
    assert "limited 1, malformed 2, failed 3" in text
    told = json.loads(report.as_json(found, "local"))
    assert told["last_request"] == {"at": "2026-11-28T12:59:53Z"}
    assert told["counters"]["unanswered"] == {"limited": 1, "malformed": 2, "failed": 3}


def test_a_team_the_running_gateway_does_not_know_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = seen(monkeypatch, STORED, lambda method, path: {"teams": []}, CUT)
    assert found.unknown == (f"counters: the running gateway tells nothing of team {SHOP}",)


def test_people_and_programs_read_the_same_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    found = seen(monkeypatch, STORED, admin(), CUT)
    lines = list(report.lines(found, GOALS))
    assert lines[0] == "prod_customer: traffic arrives and fares well"
    rows = {line[: report.LABEL].strip(): line[report.LABEL :].split("  ") for line in lines}
    assert [cell.strip() for cell in rows["requests"] if cell.strip()] == ["4", "3"]
    assert [cell.strip() for cell in rows["no answer"] if cell.strip()] == ["3 (75.0%)", "0 (0.0%)", "goal: below 1%"]
    told = json.loads(report.as_json(found, "local"))
    assert (told["kind"], told["good"], told["cut"]) == ("cutover.verify", True, "2026-11-28T12:30:00Z")
    assert (told["before"]["traffic"]["requests"], told["after"]["traffic"]["requests"]) == (4, 3)
    assert told["after"]["from"] == told["before"]["to"] == told["cut"]
