"""What the gateway says of its teams and caches, as an operator reads it."""

from __future__ import annotations

from typing import Any

import pytest

from ops.commands import gateway_admin

TEAMS = {
    "teams": [
        {"name": "support", "semantic": "wait", "limits": {"rpm": 100, "daily_usd": 12.5}, "shared": False},
        {"name": "probe", "semantic": "off", "limits": {"rpm": 5, "daily_usd": None}, "shared": True},
    ]
}


class _Target:
    def admin(self, method: str, path: str) -> dict[str, Any]:
        assert (method, path) == ("GET", "/gateway/admin/teams")
        return TEAMS


class _World:
    target_name = "local"
    target = _Target()


@pytest.mark.parametrize("columns", [80, 30])
def test_every_team_is_a_column_and_every_figure_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int
) -> None:
    """R24. Where not all teams fit beside each other, the rest stand below."""
    monkeypatch.setattr(gateway_admin, "open_deployment", lambda target: _World())
    monkeypatch.setenv("COLUMNS", str(columns))
    gateway_admin.show("teams", "", False)
    shown = capsys.readouterr().out.splitlines()
    assert max(map(len, shown)) <= columns
    if columns == 80:
        assert shown == [
            "                  support  probe",
            "semantic          wait     off",
            "limits.rpm        100      5",
            "limits.daily_usd  12.5     -",
            "shared            no       yes",
        ]
    else:
        assert [line.split()[-1] for line in shown if "rpm" in line] == ["100", "5"]


class _Cache:
    """A gateway whose judge did not pay for one team, and an admin route that notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, object]] = []

    def admin(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        self.asked.append((method, path, body))
        if path.endswith("/wrong"):
            return {"entry": "semantic:1", "removed": 3}
        pays = {"support": False, "probe": None, "admin": True}
        return {"teams": {name: {"judge": {"pays": paid}} for name, paid in pays.items()}, "mirrored_entries": 1}


@pytest.fixture
def cached(monkeypatch: pytest.MonkeyPatch) -> _Cache:
    target = _Cache()
    deployment = type("Deployment", (), {"target_name": "local", "target": target})()
    monkeypatch.setattr(gateway_admin, "open_deployment", lambda _: deployment)
    return target


def test_a_team_for_which_the_judge_did_not_pay_is_said_so(cached: _Cache, capsys: pytest.CaptureFixture[str]) -> None:
    gateway_admin.show("cache", "", False)
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("The judge cost")]
    assert len(said) == 1
    assert "team support more than it saved" in said[0]


def test_a_wrong_answer_is_named_to_the_gateway(cached: _Cache) -> None:
    assert gateway_admin.wrong("semantic:1", "") == "3 entries forgotten"
    assert cached.asked == [("POST", "/gateway/admin/cache/wrong", {"entry": "semantic:1"})]
