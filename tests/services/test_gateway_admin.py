"""What the gateway says of its teams and caches, as an operator reads it."""

from __future__ import annotations

from typing import Any

import pytest

from ops.services import gateway_admin

TEAMS = {
    "teams": [
        {"name": "support", "semantic": True, "limits": {"rpm": 100, "daily_usd": 12.5}, "shared": False},
        {"name": "probe", "semantic": False, "limits": {"rpm": 5, "daily_usd": None}, "shared": True},
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
    monkeypatch.setattr(gateway_admin, "open_world", lambda target: _World())
    monkeypatch.setenv("COLUMNS", str(columns))
    gateway_admin.show("teams", "", False)
    shown = capsys.readouterr().out.splitlines()
    assert max(map(len, shown)) <= columns
    if columns == 80:
        assert shown == [
            "                  support  probe",
            "semantic          yes      no",
            "limits.rpm        100      5",
            "limits.daily_usd  12.5     -",
            "shared            no       yes",
        ]
    else:
        assert [line.split()[-1] for line in shown if "rpm" in line] == ["100", "5"]
