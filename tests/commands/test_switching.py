"""inv cache.off, cache.on, teams.freeze, teams.thaw: what they ask the gateway, say, and leave in the journal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ops.commands import switching
from ops.reports import switches
from ops.runbook.errors import RunbookError


class _Team:
    name = "sales"


class _Gateway:
    """A gateway that changes what it is asked, or does not answer."""

    def __init__(self, state: Path, *, changed: bool = True, away: bool = False, frozen: str = "") -> None:
        self.paths, self.target, self.target_name = self, self, "local"
        self.state, self.changed, self.away = state, changed, away
        self.thrown = {f"team.{frozen}" if frozen else "cache.semantic": {"since": 0, "why": "wrong"}}
        self.asked: list[tuple[str, str, object]] = []

    def team(self, name: str) -> _Team:
        if name != "sales":
            raise RunbookError("CLI-004", "there is no such team")
        return _Team()

    def admin(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        self.asked.append((method, path, body))
        if self.away:
            raise RunbookError("GW-001", "the gateway answered not at all")
        return {"changed": self.changed, "thrown": self.thrown}

    def journal(self) -> list[dict[str, Any]]:
        file = self.state / "journal.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def opened(monkeypatch: pytest.MonkeyPatch, gateway: _Gateway) -> None:
    monkeypatch.setattr(switching, "open_deployment", lambda target: gateway)


@pytest.mark.parametrize("changed", [True, False])
def test_who_threw_a_switch_when_and_why_is_in_the_journal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changed: bool
) -> None:
    gateway = _Gateway(tmp_path, changed=changed)
    opened(monkeypatch, gateway)
    asked = {"cache": "semantic", "to": "off", "why": "wrong answers"}
    said = switching.throw(asked, "inv cache.off --tier semantic", "")
    assert said.startswith("the semantic cache: off")
    assert ("already" in said) is not changed
    assert gateway.asked == [("POST", "/gateway/admin/switches", asked)]
    before, after = gateway.journal()
    assert (before["event"], before["state"], before["why"]) == ("switch", "asked", "wrong answers")
    assert after["state"] == ("changed" if changed else "was so before")
    assert "@" in after["who"]
    assert "wrong answers" in switches.history(gateway.journal(), 5)[-1]


def test_a_gateway_that_does_not_answer_may_have_done_it_so_that_was_asked_is_noted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gateway = _Gateway(tmp_path, away=True)
    opened(monkeypatch, gateway)
    with pytest.raises(RunbookError):
        switching.throw({"team": "sales", "to": "frozen"}, "inv teams.freeze --team sales", "")
    assert [event["state"] for event in gateway.journal()] == ["asked"]
    assert switches.told(gateway) == (switches.UNKNOWN,)  # type: ignore[arg-type]


def test_what_is_off_is_named_with_the_way_back(tmp_path: Path) -> None:
    (line,) = switches.told(_Gateway(tmp_path))  # type: ignore[arg-type]
    assert line == "the semantic cache is off since 1970-01-01 00:00 UTC (wrong): inv cache.on --tier semantic"


def test_nothing_is_guessed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened(monkeypatch, _Gateway(tmp_path))
    for wrong in ("", "vector"):
        with pytest.raises(RunbookError, match="tier"):
            switching.check_tier(wrong, "off")
    with pytest.raises(RunbookError) as error:
        switching.check_tier("", "on")
    assert error.value.next == "inv cache.on --tier semantic"
    with pytest.raises(RunbookError, match="which team"):
        switching.check_team("", "thaw", "")
    for command in ("freeze", "thaw"):
        with pytest.raises(RunbookError, match="no such team"):
            switching.check_team("nobody", command, "")


def test_a_frozen_team_that_has_left_the_description_can_still_be_thawed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened(monkeypatch, _Gateway(tmp_path, frozen="old"))
    assert switching.check_team("old", "thaw", "") == "old"
    with pytest.raises(RunbookError, match="no such team"):
        switching.check_team("old", "freeze", "")
