"""What is added up of requests, whoever counted them, and the period it is added up over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Period:
    """From `begin`, a whole hour, up to, not including, `end`."""

    begin: datetime
    end: datetime

    @classmethod
    def back(cls, since: timedelta, now: datetime) -> Period:
        """The last `since`, begun with the whole hour that it begins in."""
        begin = (now - since).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        return cls(begin, now.astimezone(UTC))

    def hours(self) -> Iterator[datetime]:
        """The beginnings of its hours."""
        at = self.begin
        while at < self.end:
            yield at
            at += HOUR

    def days(self) -> list[str]:
        """Its days (UTC), the first and the last of which may be parts of days."""
        return list(dict.fromkeys(day(at) for at in self.hours()))

    @property
    def span(self) -> timedelta:
        """How long it is."""
        return self.end - self.begin


def day(at: datetime) -> str:
    """The day (UTC) of a time: 2026-11-28."""
    return f"{at:%Y-%m-%d}"


@dataclass
class Figures:
    """Sums over requests.

    Attributes:
        errors: no answer, by the provider's, the gateway's or nobody's doing.
        refused: no answer, because of the request itself.
        limited: no answer, because a limit of the team was reached.
        shed: no answer, because too many requests were under way; not among `requests`, since no trace tells of it.
        hits: answers from a cache.
        uncached: answers that no cache gave, of requests that one could have answered.
        usd: what they cost, as the traces have it; checks and late verdicts belong to no request.
    """

    requests: int = 0
    errors: int = 0
    refused: int = 0
    limited: int = 0
    shed: int = 0
    hits: int = 0
    uncached: int = 0
    usd: float = 0.0

    def __add__(self, other: Figures) -> Figures:
        return Figures(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(Figures)})

    @property
    def hit_rate(self) -> float | None:
        """Hits among answers; None without any."""
        answers = self.hits + self.uncached
        return self.hits / answers if answers else None

    @property
    def error_rate(self) -> float | None:
        """What failed or was shed among what should have had an answer; None without any.

        Refusals that the client brought about (a limit, a wrong body, a frozen key) are on neither side: many of them
        would make failures look few. The watch and the Grafana dashboard go by the same.
        """
        lost = self.errors + self.shed
        asked = self.requests - self.refused - self.limited + self.shed
        return lost / asked if asked else None


def total(each: Iterable[Figures]) -> Figures:
    """All of them added up."""
    made = Figures()
    for figures in each:
        made = made + figures
    return made


Hours = Mapping[datetime, Figures]


@dataclass(frozen=True)
class Seen:
    """What one source knows of a period.

    Attributes:
        teams: by team, then by the beginning of the hour; hours without requests may be absent.
        p95_s: seconds in which 95% of the uncached answers were there, by team.
        p95_all_s: the same over all teams that are not for tests.
        p95_hours: the same by hour.
    """

    teams: Mapping[str, Hours]
    p95_s: Mapping[str, float | None] = field(default_factory=dict)
    p95_all_s: float | None = None
    p95_hours: Mapping[datetime, float | None] = field(default_factory=dict)

    def of(self, *teams: str) -> Figures:
        """The sums of some teams."""
        return total(figures for team in teams for figures in self.teams.get(team, {}).values())

    def with_shed(self, own: Seen) -> Seen:
        """The same with what the gateways counted as shed, of which there are no traces."""
        teams = {team: dict(hours) for team, hours in self.teams.items()}
        for team, hours in own.teams.items():
            for at, figures in hours.items():
                if figures.shed:
                    mine = teams.setdefault(team, {})
                    mine[at] = mine.get(at, Figures()) + Figures(shed=figures.shed)
        return replace(self, teams=teams)

    def by_hour(self, teams: Iterable[str]) -> dict[datetime, Figures]:
        """The sums of some teams, hour by hour."""
        made: dict[datetime, Figures] = {}
        for team in teams:
            for at, figures in self.teams.get(team, {}).items():
                made[at] = made.get(at, Figures()) + figures
        return made
