"""Scores: ``POST /api/public/scores`` and ``GET /api/public/v3/scores``."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.datastructures import QueryParams

from ops.standins.langfuse_filters import BadQuery
from ops.standins.langfuse_store import Score, now_iso

TYPES = frozenset({"NUMERIC", "BOOLEAN", "CATEGORICAL", "TEXT", "CORRECTION"})
FILTERS = {
    "name": "name",
    "source": "source",
    "dataType": "data_type",
    "environment": "environment",
    "id": "id",
}
SUBJECTS = {"traceId": "trace_id", "observationId": "observation_id", "sessionId": "session_id"}
MOST_ITEMS = 100


def read(raw: object, project_id: str) -> Score:
    """The score a client sent. Raises BadQuery for what Langfuse answers with 400."""
    if not isinstance(raw, Mapping) or not isinstance(raw.get("name"), str) or "value" not in raw:
        raise BadQuery("A score needs at least a name and a value")
    if not raw.get("traceId") and not raw.get("sessionId"):
        raise BadQuery("A score needs a traceId or a sessionId")
    value = raw["value"]
    kind = raw.get("dataType") or ("CATEGORICAL" if isinstance(value, str) else "NUMERIC")
    numeric = isinstance(value, int | float)
    if kind not in TYPES or numeric == (kind in ("CATEGORICAL", "TEXT", "CORRECTION")):
        raise BadQuery(f"Value does not fit data type {kind}")
    if kind == "BOOLEAN" and value not in (0, 1):
        raise BadQuery("A boolean score is 0 or 1")
    now = now_iso()
    return Score(
        id=str(raw.get("id") or uuid.uuid4()),
        project_id=project_id,
        name=raw["name"],
        value=bool(value) if kind == "BOOLEAN" else value,
        data_type=kind,
        source="API",
        environment=str(raw.get("environment") or "default"),
        timestamp=now,
        created_at=now,
        updated_at=now,
        received=time.time(),
        comment=raw.get("comment"),
        metadata=raw.get("metadata"),
        **{attribute: raw.get(name) for name, attribute in SUBJECTS.items()},
    )


def page(stored: Sequence[Score], query: QueryParams) -> dict[str, Any]:
    """The newest scores that fit the query. Raises BadQuery."""
    given = query.get("limit", "50")
    if not given.isdigit() or not 1 <= int(given) <= MOST_ITEMS:
        raise BadQuery(f"limit must be a number from 1 to {MOST_ITEMS}")
    wanted = {a: query[name].split(",") for name, a in {**FILTERS, **SUBJECTS}.items() if name in query}
    found = [s for s in reversed(stored) if all(getattr(s, a) in values for a, values in wanted.items())]
    with_subject = "subject" in (query.get("fields") or "")
    data = [_render(score, with_subject) for score in found[: int(given)]]
    return {"data": data, "meta": {"limit": int(given)}}


def _render(score: Score, with_subject: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": score.id,
        "projectId": score.project_id,
        "name": score.name,
        "value": score.value,
        "dataType": score.data_type,
        "source": score.source,
        "timestamp": score.timestamp,
        "environment": score.environment,
        "createdAt": score.created_at,
        "updatedAt": score.updated_at,
        "comment": score.comment,
        "metadata": score.metadata or {},
    }
    if with_subject:
        shown["subject"] = _subject(score)
    return shown


def _subject(score: Score) -> dict[str, Any]:
    if score.observation_id:
        return {"kind": "observation", "id": score.observation_id, "traceId": score.trace_id}
    if score.trace_id:
        return {"kind": "trace", "id": score.trace_id}
    return {"kind": "session", "id": score.session_id}
