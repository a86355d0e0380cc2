"""The table `watch` of the stack file."""

from __future__ import annotations

from ops.description.table import Table


class WatchRule(Table, frozen=True):
    """Of one rule of the watch; what the figures mean stands in the description. No limit: the goal's, where one is."""

    limit: float | None = None
    over_min: int = 10
    after_min: int = 0
    least: int = 0
    off: bool = False


class Watch(Table, frozen=True):
    """The watch: whether it runs, how often it looks (`every_s`), and when (minutes, hour in UTC) it writes."""

    on: bool
    sender: str
    every_s: float
    clear_min: int
    unseen_min: int
    summary_hour: int
    guide: str
    rules: dict[str, WatchRule]
