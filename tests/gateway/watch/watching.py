"""What the tests of the watch share: settings as they ship, and a look that a test makes up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from llm_gateway.watch.seen import Seen, TeamSeen
from llm_gateway.watch.settings import Settings, load

SHIPPED = Path(__file__).resolve().parents[3] / "fly" / "hotdash-llm-gateway" / "config" / "watch.toml"
MINUTE = 60.0
HOUR = 3600.0
DAY = 86400.0
BEGIN = 20_000 * DAY
"""A midnight."""


def settings(**changed: Any) -> Settings:
    """As they ship; a test changes what it is about."""
    return replace(load(SHIPPED), **changed)


def well(at: float, shared: Mapping[str, float] | None = None, **changed: Any) -> Seen:
    """A look at which everything is in order; a test changes what it is about."""
    fine = Seen(
        at=at,
        gateways={"http://one:4000": (), "http://two:4000": ()},
        counters={"shared": shared or {}, "http://one:4000": {"timed": 0.0, "lost": 0.0}},
        teams={"sales": TeamSeen(1.0, 50.0)},
        delivered=(100, 100),
        redis=(10.0, 100.0),
        disks={"ClickHouse": 0.3, "object store": 0.1},
        certificates={"gateway.example.com": 60.0},
    )
    return replace(fine, **changed)
