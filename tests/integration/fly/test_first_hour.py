"""A new operator's first hour on production: no token, then no card, then no DNS, then done; at 80 columns."""

from __future__ import annotations

import re

from tests.integration.checkout import Terminal
from tests.integration.fly.test_command_line import Operator, operator
from tests.targets.fly.support import HOSTS, Site

__all__ = ["operator"]

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLUMNS = 80


def screen(operator: Operator, code: int, **more: str) -> str:
    """What a terminal of 80 columns shows of a deploy; each line fits, or is one long word."""
    environ = {**operator.environ, **more, "COLUMNS": str(COLUMNS), "LINES": "24"}
    with Terminal(operator.checkout, "deploy.all", "--target", "fly", "--yes", **environ) as terminal:
        assert terminal.process.wait(200) == code, terminal.shown
        terminal._reader.join(5)
    # What the live view has drawn over is gone from the screen.
    shown = CONTROL.sub("", terminal.shown).replace("\r\n", "\n")
    lines = [line.rpartition("\r")[2].rstrip() for line in shown.splitlines()]
    wide = [line for line in lines if len(line) > COLUMNS and " " in line.strip(" -")]
    assert wide == [], wide
    return "\n".join(line for line in lines if line)


def ending(shown: str) -> list[str]:
    """What a person must do, below the last "you must:"."""
    assert "you must:" in shown, shown
    return [line for line in shown.rpartition("you must:")[2].splitlines() if line]


def test_the_first_hour(place: Site, operator: Operator) -> None:
    """R10, R23: each screen ends with what a person must do, and doing it leads on."""
    token = screen(operator, 3, FLY_API_TOKEN="")
    assert "FLY_API_TOKEN" in " ".join(ending(token))
    assert place.sim.calls == []

    place.sim.drift.no_payment_method()
    card = screen(operator, 3)
    assert "card" in " ".join(ending(card))
    place.sim.state.orgs["personal"]["paid"] = True

    for host in HOSTS:
        place.dns.records[host] = []
    dns = screen(operator, 3)
    said = " ".join(ending(dns))
    for host in HOSTS:
        assert host in said
    place.follow_dns()

    done = screen(operator, 0)
    assert "you must:" not in done
    assert re.search(r"[0-9]+ changed.* in [0-9.]+ s", done)
