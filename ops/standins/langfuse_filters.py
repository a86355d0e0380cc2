"""The filter language that Langfuse's v2 observations and metrics share, over stored observations."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from ops.standins.langfuse_store import Observation

Getter = Callable[[Observation], Any]
Predicate = Callable[[Observation], bool]


class BadQuery(ValueError):
    """A query Langfuse answers with 400; the message is for the one who sent it."""


class Filter(msgspec.Struct):
    """One condition, as it comes in a request."""

    type: str
    column: str
    operator: str
    value: Any = None
    key: str | None = None


def tokens(part: str) -> Getter:
    """Reads token counts from the usage details: the sum of those whose name holds ``part``."""
    return lambda item: sum(count for name, count in item.usage_details.items() if part in name.lower())


def cost(name: str) -> Getter:
    """Reads one part of the cost, in USD."""
    return lambda item: item.cost_details.get(name)


def total_tokens(item: Observation) -> int:
    """The token total, as it was reported or added up when it came in."""
    return item.usage_details.get("total", 0)


def tokens_per_second(item: Observation) -> float | None:
    """Tokens of output for each second the observation took."""
    output, latency = tokens("output")(item), item.latency_s
    return output / latency if latency else None


STRINGS: dict[str, Getter] = {
    "id": lambda o: o.id,
    "type": lambda o: o.type,
    "name": lambda o: o.name,
    "traceId": lambda o: o.trace_id,
    "parentObservationId": lambda o: o.parent_observation_id,
    "environment": lambda o: o.environment,
    "level": lambda o: o.level,
    "statusMessage": lambda o: o.status_message,
    "version": lambda o: o.version,
    "release": lambda o: o.release,
    "userId": lambda o: o.user_id,
    "sessionId": lambda o: o.session_id,
    "traceName": lambda o: o.trace_name,
    "model": lambda o: o.provided_model_name,
    "providedModelName": lambda o: o.provided_model_name,
    "promptName": lambda o: o.prompt_name,
    "input": lambda o: o.input,
    "output": lambda o: o.output,
}
DATES: dict[str, Getter] = {"startTime": lambda o: o.start_time, "endTime": lambda o: o.end_time}
NUMBERS: dict[str, Getter] = {
    "latency": lambda o: o.latency_s,
    "timeToFirstToken": lambda o: o.first_token_s,
    "tokensPerSecond": tokens_per_second,
    "inputTokens": tokens("input"),
    "outputTokens": tokens("output"),
    "totalTokens": total_tokens,
    "tokens": total_tokens,
    "inputCost": cost("input"),
    "outputCost": cost("output"),
    "totalCost": lambda o: o.total_cost,
    "promptVersion": lambda o: o.prompt_version,
}
ARRAYS: dict[str, Getter] = {"tags": lambda o: o.tags, "traceTags": lambda o: o.tags}
BOOLEANS: dict[str, Getter] = {"isRootObservation": lambda o: o.is_root_observation}

TEXT_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "=": lambda have, want: have == want,
    "contains": lambda have, want: want in have,
    "does not contain": lambda have, want: want not in have,
    "starts with": lambda have, want: have.startswith(want),
    "ends with": lambda have, want: have.endswith(want),
    "matches": lambda have, want: want in have,
}
ORDER_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda have, want: have == want,
    ">": lambda have, want: have > want,
    "<": lambda have, want: have < want,
    ">=": lambda have, want: have >= want,
    "<=": lambda have, want: have <= want,
}
TYPES: list[tuple[dict[str, Getter], tuple[str, ...]]] = [
    (STRINGS, ("string", "stringOptions", "null")),
    (DATES, ("datetime", "null")),
    (NUMBERS, ("number", "null")),
    (ARRAYS, ("arrayOptions", "null")),
    (BOOLEANS, ("boolean",)),
]


def moment(text: Any) -> datetime:
    """An ISO 8601 moment with an offset or Z. Raises BadQuery."""
    try:
        made = datetime.fromisoformat(text)
    except (TypeError, ValueError) as exc:
        raise BadQuery(f"Invalid datetime: {text!r}") from exc
    if made.tzinfo is None:
        raise BadQuery(f"Invalid datetime: {text!r} has no offset")
    return made.astimezone(UTC)


def predicate(filters: Iterable[Filter], columns: frozenset[str] | None = None) -> Predicate:
    """One test that holds when all ``filters`` do. Raises BadQuery for a filter Langfuse refuses.

    ``columns`` are those that may be filtered by, if not all that observations have.
    """
    wanted = conditions(filters, columns)
    return lambda observation: all(test(observation) for test in wanted)


def conditions(filters: Iterable[Filter], columns: frozenset[str] | None = None) -> list[Predicate]:
    """A test for each filter; arguments and errors as `predicate`."""
    return [_test(item, columns) for item in filters]


def _test(item: Filter, allowed: frozenset[str] | None) -> Predicate:
    if allowed is not None and item.column not in allowed:
        raise BadQuery(f"Invalid filter column: {item.column}")
    if item.column == "metadata":
        return _metadata_test(item)
    for known, types in TYPES:
        if item.column in known:
            if item.type not in types:
                fitting = ", ".join(types)
                raise BadQuery(f"Invalid filter type '{item.type}' for '{item.column}', use one of: {fitting}")
            return _column_test(item, known[item.column])
    raise BadQuery(f"Invalid filter column: {item.column}")


def _metadata_test(item: Filter) -> Predicate:
    if item.type not in ("stringObject", "numberObject") or not item.key:
        raise BadQuery("Metadata filters require type 'stringObject' with a 'key' property")
    key = item.key
    if item.type == "stringObject":
        compare = _operator(item, TEXT_OPERATORS)
        wanted = str(item.value)
        return lambda o: bool(compare(_as_text(o.metadata.get(key, "")), wanted))
    order = _operator(item, ORDER_OPERATORS)

    def numeric(observation: Observation) -> bool:
        try:
            return bool(order(float(observation.metadata[key]), item.value))
        except (KeyError, TypeError, ValueError):
            return False

    return numeric


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _column_test(item: Filter, get: Getter) -> Predicate:
    match item.type:
        case "null":
            wanted = _operator(item, {"is null": True, "is not null": False})
            return lambda o: (get(o) is None) == wanted
        case "boolean":
            equal = _operator(item, {"=": True, "<>": False})
            return lambda o: (get(o) == item.value) == equal
        case "string":
            text = _operator(item, TEXT_OPERATORS)
            return lambda o: bool(text(get(o) or "", str(item.value)))
        case "stringOptions":
            among = _operator(item, {"any of": True, "none of": False})
            options = _options(item)
            return lambda o: (get(o) in options) == among
        case "arrayOptions":
            return _array_test(item, get)
        case _:
            order = _operator(item, ORDER_OPERATORS)
            limit = moment(item.value) if item.type == "datetime" else item.value
            if item.type == "number" and not isinstance(limit, int | float):
                raise BadQuery(f"Filter on '{item.column}' needs a number")
            return lambda o: get(o) is not None and bool(order(get(o), limit))


def _array_test(item: Filter, get: Getter) -> Predicate:
    options = _options(item)
    kind = _operator(item, {"any of": "any", "none of": "none", "all of": "all"})

    def test(observation: Observation) -> bool:
        have = options & set(get(observation))
        return have == options if kind == "all" else bool(have) == (kind == "any")

    return test


def _options(item: Filter) -> set[str]:
    if not isinstance(item.value, list):
        raise BadQuery(f"Filter on '{item.column}' needs a list of values")
    return {str(value) for value in item.value}


def _operator(item: Filter, table: dict[str, Any]) -> Any:
    if item.operator not in table:
        raise BadQuery(f"Invalid operator '{item.operator}' for a filter of type '{item.type}'")
    return table[item.operator]
