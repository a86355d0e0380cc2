"""What the gateway says of its teams and caches, as an operator reads it."""

from __future__ import annotations

from typing import Any

import pytest

from ops.services import gateway_admin

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


def test_every_figure_of_every_team_has_a_line_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gateway_admin, "open_world", lambda target: _World())
    gateway_admin.show("teams", "", False)
    assert capsys.readouterr().out.splitlines() == [
        "teams.support.semantic          wait",
        "teams.support.limits.rpm        100",
        "teams.support.limits.daily_usd  12.5",
        "teams.support.shared            no",
        "teams.probe.semantic            off",
        "teams.probe.limits.rpm          5",
        "teams.probe.limits.daily_usd    -",
        "teams.probe.shared              yes",
    ]
