"""Whether traces arrived: what all gateways counted in the last whole hours, against what Langfuse can show of them.

That Langfuse took a trace does not mean that it kept it: it answers before it stores, and drops what ClickHouse does
not take. Every request that is counted has a trace, so the two sums must agree.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests

from ..environment import LangfuseAccess
from ..store import StoreUnavailable

HOUR_S, DAY_H = 3600, 24
HOURS = 3
SETTLED_S = 600
"""An hour is looked at so long after its end: until then its traces may be on their way."""
FIRST_S, EVERY_S, TIMEOUT_S = 30.0, 300.0, 30.0
COUNTED = frozenset({"exact", "semantic", "alias", "miss", "bypass", "limited", "malformed", "failed"})
"""Names of counts that are one request, and one trace, each."""
History = Callable[[str, int], Awaitable[Mapping[int, Mapping[str, int]]]]
"""The counts of a team by hour (hours since 1970), of so many days. May raise StoreUnavailable."""


class NotKnown(Exception):
    """The two could not be compared; the text says why, and holds no secret."""


@dataclass(frozen=True)
class Delivered:
    """One comparison.

    Attributes:
        begin_s, end_s: the hours it is about, in seconds since 1970.
        counted: requests that the gateways counted in them.
        shown: traces that Langfuse shows of them.
    """

    begin_s: int
    end_s: int
    counted: int
    shown: int


class Delivery:
    """Compares every few minutes, from its own task.

    Args:
        access: the Langfuse project.
        teams: whose requests; other traces of the project do not count.
        history: what the gateways counted.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        access: LangfuseAccess,
        teams: Iterable[str],
        history: History,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._access, self._teams, self._history, self._clock = access, tuple(teams), history, clock
        self.last: Delivered | None = None
        """The newest comparison; None if there was none yet, or the newest try failed."""
        self.why = "the first comparison is not made yet"
        """Why there is none."""
        self.failed = False
        """The newest try failed."""

    async def run(self) -> None:
        """Compare until cancelled."""
        await asyncio.sleep(FIRST_S)
        while True:
            await self.look()
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """Compare once, and remember what came of it; never raises."""
        try:
            self.last, self.why, self.failed = await self._compared(), "", False
        except (NotKnown, StoreUnavailable) as error:
            self.last, self.why, self.failed = None, str(error), True

    async def _compared(self) -> Delivered:
        now = self._clock()
        end = int(now - SETTLED_S) // HOUR_S
        hours = range(end - HOURS, end)
        days = int(now) // HOUR_S // DAY_H - hours[0] // DAY_H + 1
        counted = 0
        for team in self._teams:
            by_hour = await self._history(team, days)
            counted += sum(count for hour in hours for name, count in by_hour.get(hour, {}).items() if name in COUNTED)
        begin_s, end_s = hours[0] * HOUR_S, end * HOUR_S
        shown = await asyncio.to_thread(self._shown, begin_s, end_s)
        return Delivered(begin_s, end_s, counted, shown)

    def _shown(self, begin_s: int, end_s: int) -> int:
        """How many requests of these teams Langfuse has traces of. Blocks; raises NotKnown."""
        query = {
            "view": "observations",
            "dimensions": [],
            "metrics": [{"measure": "count", "aggregation": "count"}],
            "filters": [
                _any_of("type", "stringOptions", ["GENERATION", "EMBEDDING"]),
                _any_of("tags", "arrayOptions", [f"team:{team}" for team in self._teams]),
            ],
            "timeDimension": None,
            "fromTimestamp": _iso(begin_s),
            "toTimestamp": _iso(end_s),
            "orderBy": None,
        }
        try:
            answer = requests.get(
                f"{self._access.host.rstrip('/')}/api/public/v2/metrics",
                params={"query": json.dumps(query)},
                auth=(self._access.public_key, self._access.secret_key),
                timeout=TIMEOUT_S,
                allow_redirects=False,
            )
            if answer.status_code != requests.codes.ok:
                raise NotKnown(f"Langfuse answered {answer.status_code} to a question about its traces")
            rows = answer.json()["data"]
            return int(float((rows[0]["count_count"] if rows else 0) or 0))
        except requests.RequestException as error:
            # A JSON error is one of these too.
            raise NotKnown(f"Langfuse cannot be asked about its traces: {type(error).__name__}") from None
        except (KeyError, TypeError, ValueError, IndexError):
            raise NotKnown("Langfuse's answer about its traces is not as known") from None


def _any_of(column: str, type_: str, value: list[str]) -> dict[str, Any]:
    return {"column": column, "type": type_, "operator": "any of", "value": value}


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
