"""``GET /api/public/v2/observations``: selection, paging and shape.

As seen on Langfuse 4.16: the model stands under ``model``, whatever its description says, and a text that was never
given is empty. Groups of fields it does not know are left out.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from starlette.datastructures import QueryParams

from ops.standins.langfuse_filters import BadQuery, Filter, moment, predicate
from ops.standins.langfuse_store import Observation, iso

LONGEST_METADATA = 200
MOST_ITEMS = 1000
PLAIN_FILTERS = ("name", "userId", "sessionId", "type", "traceId", "level", "version")


def _core(o: Observation) -> dict[str, Any]:
    return {
        "id": o.id,
        "traceId": o.trace_id,
        "projectId": o.project_id,
        "startTime": iso(o.start_time),
        "endTime": iso(o.end_time) if o.end_time else None,
        "parentObservationId": o.parent_observation_id,
        "type": o.type,
        "modelId": None,
        "inputPrice": None,
        "outputPrice": None,
        "totalPrice": None,
    }


def _basic(o: Observation) -> dict[str, Any]:
    return {
        "name": o.name,
        "level": o.level,
        "statusMessage": o.status_message or "",
        "version": o.version or "",
        "environment": o.environment,
        "bookmarked": False,
        "public": False,
        "userId": o.user_id or "",
        "sessionId": o.session_id or "",
        "isRootObservation": o.is_root_observation,
    }


def _time(o: Observation) -> dict[str, Any]:
    ended = iso(o.end_time or o.start_time)
    first = iso(o.completion_start_time) if o.completion_start_time else None
    return {"completionStartTime": first, "createdAt": ended, "updatedAt": ended}


def _usage(o: Observation) -> dict[str, Any]:
    return {
        "usageDetails": o.usage_details,
        "costDetails": o.cost_details,
        "totalCost": o.total_cost or 0.0,
        "usagePricingTierName": None,
    }


def _model(o: Observation) -> dict[str, Any]:
    return {
        "model": o.provided_model_name or "",
        "internalModelId": None,
        "modelParameters": o.model_parameters,
    }


GROUPS: dict[str, Callable[[Observation], dict[str, Any]]] = {
    "core": _core,
    "basic": _basic,
    "time": _time,
    "io": lambda o: {"input": o.input or "", "output": o.output or ""},
    "metadata": lambda o: {"metadata": o.metadata},
    "model": _model,
    "usage": _usage,
    "prompt": lambda o: {"promptId": None, "promptName": o.prompt_name or "", "promptVersion": o.prompt_version},
    "metrics": lambda o: {"latency": o.latency_s, "timeToFirstToken": o.first_token_s},
    "trace_context": lambda o: {"traceName": o.trace_name or "", "tags": o.tags, "release": o.release or ""},
}


def page(stored: Sequence[Observation], query: QueryParams) -> dict[str, Any]:
    """The answer to a query: the newest observations first, and where the next page begins.

    Raises BadQuery for what Langfuse answers with 400.
    """
    groups = _groups(query.get("fields"))
    limit = _limit(query.get("limit"))
    if query.get("parseIoAsJson") == "true":
        raise BadQuery("parseIoAsJson is not supported; input and output are raw strings")
    wanted = predicate(_filters(query))
    after = _read_cursor(query["cursor"]) if "cursor" in query else None
    found = sorted((o for o in stored if wanted(o)), key=_position, reverse=True)
    if after is not None:
        found = [o for o in found if _position(o) < after]
    whole = set((query.get("expandMetadata") or "").split(","))
    data = [_render(o, groups, whole) for o in found[:limit]]
    meta = {"cursor": _cursor(found[limit - 1])} if len(found) > limit else {}
    return {"data": data, "meta": meta}


def _groups(given: str | None) -> list[str]:
    groups = [name.strip() for name in given.split(",")] if given else ["core", "basic"]
    return ["core", *(name for name in groups if name != "core" and name in GROUPS)]


def _limit(given: str | None) -> int:
    if given is None:
        return 50
    if not given.isdigit() or not 1 <= int(given) <= MOST_ITEMS:
        raise BadQuery(f"limit must be a number from 1 to {MOST_ITEMS}")
    return int(given)


def _filters(query: QueryParams) -> list[Filter]:
    if structured := query.get("filter"):
        try:
            return msgspec.json.decode(structured, type=list[Filter])
        except msgspec.MsgspecError as exc:
            raise BadQuery(f"Invalid filter: {exc}") from exc
    made = [Filter("string", name, "=", query[name]) for name in PLAIN_FILTERS if query.get(name)]
    if environments := query.getlist("environment"):
        made.append(Filter("stringOptions", "environment", "any of", environments))
    if (parent := query.get("parentObservationId")) is not None:
        equal = Filter("string", "parentObservationId", "=", parent)
        made.append(equal if parent else Filter("null", "parentObservationId", "is null"))
    if (root := query.get("isRootObservation")) is not None:
        made.append(Filter("boolean", "isRootObservation", "=", root == "true"))
    for name, operator in (("fromStartTime", ">="), ("toStartTime", "<")):
        if query.get(name):
            made.append(Filter("datetime", "startTime", operator, query[name]))
    return made


def _render(o: Observation, groups: Sequence[str], whole: set[str]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for group in groups:
        shown |= GROUPS[group](o)
    if "metadata" in shown:
        shown["metadata"] = {k: v if k in whole else _cut(v) for k, v in o.metadata.items()}
    return shown


def _cut(value: Any) -> Any:
    return value[:LONGEST_METADATA] if isinstance(value, str) else value


def _position(o: Observation) -> tuple[str, str, str]:
    return iso(o.start_time), o.trace_id, o.id


def _cursor(last: Observation) -> str:
    names = ("lastStartTimeTo", "lastTraceId", "lastId")
    return base64.b64encode(json.dumps(dict(zip(names, _position(last), strict=True))).encode()).decode()


def _read_cursor(given: str) -> tuple[str, str, str]:
    try:
        read = json.loads(base64.b64decode(given, validate=True))
        return iso(moment(read["lastStartTimeTo"])), str(read["lastTraceId"]), str(read["lastId"])
    except (binascii.Error, ValueError, KeyError, TypeError) as exc:
        raise BadQuery("Invalid cursor format") from exc
