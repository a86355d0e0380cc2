"""What one look saw. Nothing in it is guessed: what could not be seen is named in `unseen`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class TeamSeen:
    """A team's day, and its semantic cache.

    Attributes:
        usd: spent today (UTC).
        daily_usd: its limit.
        checked: semantic hits that were also answered afresh.
        wrong_low: the lower end of the 95% interval of the share of wrong ones.
        judge_pays: whether the judge paid on the last whole day; None if it was not asked.
    """

    usd: float
    daily_usd: float
    checked: int = 0
    wrong_low: float = 0.0
    judge_pays: bool | None = None


@dataclass(frozen=True)
class Seen:
    """One look.

    Attributes:
        at: when, in seconds since 1970.
        unseen: source → why it could not be seen.
        gateways: address → why it is not ready; empty if it is.
        counters: group → name → what it counted up to now; a group begins anew when its process does.
        traces_waiting: of all gateways.
        delivered: requests that the gateways counted in the last whole hours, and traces that Langfuse shows of them;
            None if that was not compared yet, or there is no Langfuse.
        redis: bytes used, and the most it may use (0: not known).
        disks: name → share in use.
        certificates: name → days left.
    """

    at: float
    unseen: Mapping[str, str] = field(default_factory=dict)
    gateways: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    counters: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    teams: Mapping[str, TeamSeen] = field(default_factory=dict)
    traces_waiting: int = 0
    delivered: tuple[int, int] | None = None
    redis: tuple[float, float] = (0.0, 0.0)
    disks: Mapping[str, float] = field(default_factory=dict)
    certificates: Mapping[str, float] = field(default_factory=dict)
