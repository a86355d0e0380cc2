"""A Langfuse that holds given observations: the stand-in's own query language, without a server."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from starlette.datastructures import QueryParams

from ops.services.langfuse import Langfuse
from ops.standins import langfuse_metrics, langfuse_observations
from ops.standins.langfuse_metrics_query import Query
from ops.standins.langfuse_store import Observation

_numbers = itertools.count(1)


class Holding(Langfuse):
    """Answers from the observations it was made with."""

    def __init__(self, observations: Iterable[Observation]) -> None:
        self.stored = list(observations)

    def get(self, path: str, query: Mapping[str, str]) -> Any:
        """Both routes of the public API that the runbook reads."""
        if path == "v2/metrics":
            return {"data": langfuse_metrics.rows(Query.parse(query["query"]), self.stored)}
        assert path == "v2/observations", path
        return langfuse_observations.page(self.stored, QueryParams(dict(query)))


def observation(
    at: datetime,
    team: str,
    *,
    level: str = "DEFAULT",
    status: int = 200,
    reason: str | None = None,
    hit: bool | None = False,
    seconds: float = 1.0,
    model: str | None = "gpt-4o-mini",
    type: str = "GENERATION",
) -> Observation:
    """A request as the gateway traces it."""
    number = f"{next(_numbers):032x}"
    about = {"team": team, "status": str(status)} | ({} if hit is None else {"cache_hit": str(hit).lower()})
    return Observation(
        id=number[16:],
        trace_id=number,
        project_id="p",
        type=type,
        name=f"chat {team}",
        start_time=at,
        end_time=at + timedelta(seconds=seconds),
        received=at.timestamp(),
        level=level,
        status_message=reason,
        metadata=about,
        provided_model_name=model,
        tags=[f"team:{team}", "cache:miss"],
    )


def unanswered(at: datetime, team: str, level: str, status: int, reason: str) -> Observation:
    """A request that got no answer."""
    return observation(at, team, level=level, status=status, reason=reason, hit=None, model=None)
