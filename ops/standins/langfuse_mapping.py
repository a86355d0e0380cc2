"""How Langfuse v4 turns a span into an observation, as far as the gateway's two possible callbacks need it.

LiteLLM's ``langfuse`` callback sends ``langfuse.*`` attributes; ``langfuse_otel`` sends those of the
OpenTelemetry and OpenInference conventions besides (``gen_ai.*``, ``llm.*``). The order in which names are
tried follows Langfuse's OtelIngestionProcessor (langfuse/langfuse, MIT, August 2026).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from ops.standins.langfuse_otlp import Span
from ops.standins.langfuse_store import Observation

OBSERVATION = "langfuse.observation."
METADATA = ("langfuse.observation.metadata", "langfuse.trace.metadata", "langfuse.metadata")
MODEL_NAMES = (
    "langfuse.observation.model.name",
    "gen_ai.response.model",
    "gen_ai.request.model",
    "llm.response.model",
    "llm.model_name",
)
USERS = ("langfuse.user.id", "user.id")
SESSIONS = ("langfuse.session.id", "session.id", "gen_ai.conversation.id")
TAGS = ("langfuse.trace.tags", "langfuse.tags", "tag.tags")
ENVIRONMENTS = ("langfuse.environment", "deployment.environment.name", "deployment.environment")
LEVELS = frozenset({"DEBUG", "DEFAULT", "WARNING", "ERROR"})
USAGE_NAMES = {
    "prompt_tokens": "input",
    "input_tokens": "input",
    "prompt": "input",
    "completion_tokens": "output",
    "output_tokens": "output",
    "completion": "output",
    "total_tokens": "total",
}
GENERATES = frozenset({"chat", "completion", "text_completion", "generate_content"})


def observation(span: Span, project_id: str) -> Observation:
    """The observation Langfuse would make of ``span``."""
    attributes = span.attributes
    model = _first(attributes, MODEL_NAMES)
    level = str(attributes.get(OBSERVATION + "level", "")).upper()
    parent = span.parent_id
    return Observation(
        id=span.span_id,
        trace_id=span.trace_id,
        project_id=project_id,
        received=time.time(),
        parent_observation_id=parent,
        is_root_observation=parent is None or attributes.get("langfuse.internal.is_app_root") is True,
        type=_type(attributes, model),
        name=span.name,
        start_time=_moment(span.start_ns),
        end_time=_moment(span.end_ns) if span.end_ns else None,
        completion_start_time=_date(attributes.get(OBSERVATION + "completion_start_time")),
        level=level if level in LEVELS else "ERROR" if span.failed else "DEFAULT",
        status_message=_text(attributes.get(OBSERVATION + "status_message") or span.status_message),
        version=_text(attributes.get("langfuse.version") or span.resource.get("service.version")),
        environment=_first(attributes, ENVIRONMENTS) or _first(span.resource, ENVIRONMENTS) or "default",
        release=_text(attributes.get("langfuse.release") or span.resource.get("langfuse.release")),
        user_id=_first(attributes, USERS),
        session_id=_first(attributes, SESSIONS),
        input=_text(_any(attributes, OBSERVATION + "input", "langfuse.trace.input", "input.value")),
        output=_text(_any(attributes, OBSERVATION + "output", "langfuse.trace.output", "output.value")),
        metadata=_metadata(span),
        provided_model_name=model,
        model_parameters=_object(attributes.get(OBSERVATION + "model.parameters")),
        usage_details=_usage(attributes),
        cost_details=_costs(attributes),
        prompt_name=_text(attributes.get(OBSERVATION + "prompt.name")),
        prompt_version=_whole(attributes.get(OBSERVATION + "prompt.version")),
        trace_name=_text(attributes.get("langfuse.trace.name")),
        tags=_tags(attributes),
    )


def _type(attributes: Mapping[str, Any], model: str | None) -> str:
    given = attributes.get(OBSERVATION + "type")
    if given:
        return str(given).upper()
    operation = attributes.get("gen_ai.operation.name")
    if operation == "embeddings":
        return "EMBEDDING"
    return "GENERATION" if model or operation in GENERATES else "SPAN"


def _usage(attributes: Mapping[str, Any]) -> dict[str, int]:
    given = _object(attributes.get(OBSERVATION + "usage_details"))
    if not given:
        for prefix in ("gen_ai.usage.", "llm.token_count."):
            for name, value in attributes.items():
                short = name.removeprefix(prefix)
                if short != name and short != "cost":
                    given.setdefault(USAGE_NAMES.get(short, short), value)
    usage = {name: number for name, value in given.items() if (number := _whole(value)) is not None}
    if usage:
        usage.setdefault("total", sum(usage.values()))
    return usage


def _costs(attributes: Mapping[str, Any]) -> dict[str, float]:
    given = _object(attributes.get(OBSERVATION + "cost_details"))
    if not given:
        total = _any(attributes, "gen_ai.usage.cost", "llm.cost.total")
        given = {} if total is None else {"total": total}
    return {name: number for name, value in given.items() if (number := _number(value)) is not None}


def _metadata(span: Span) -> dict[str, Any]:
    """Values keep their JSON type (seen on 4.16)."""
    nested: dict[str, Any] = {"resourceAttributes": span.resource}
    nested["scope"] = {"name": span.scope_name, "version": span.scope_version}
    if not span.scope_name.startswith("langfuse-sdk"):
        nested["attributes"] = span.attributes
    for prefix in METADATA:
        nested |= _object(span.attributes.get(prefix))
        for name, value in span.attributes.items():
            if name.startswith(prefix + "."):
                nested[name.removeprefix(prefix + ".")] = value
    return {name: value for name, value in _flat(nested) if value is not None}


def _flat(nested: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in nested.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _tags(attributes: Mapping[str, Any]) -> list[str]:
    given = _any(attributes, *TAGS)
    if isinstance(given, str):
        try:
            parsed = json.loads(given)
        except ValueError:
            parsed = given.split(",")
        given = parsed if isinstance(parsed, list) else [parsed]
    return [str(tag).strip() for tag in given or []]


def _any(attributes: Mapping[str, Any], *names: str) -> Any:
    return next((attributes[name] for name in names if attributes.get(name) not in (None, "")), None)


def _first(attributes: Mapping[str, Any], names: Iterable[str]) -> str | None:
    return _text(_any(attributes, *names))


def _text(value: Any) -> str | None:
    """Langfuse keeps strings; anything else becomes its JSON, so True becomes ``true``."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _object(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return dict(value) if isinstance(value, Mapping) else {}


def _number(value: Any) -> float | None:
    try:
        return None if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def _whole(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _moment(ns: int) -> datetime:
    return datetime.fromtimestamp(ns / 1e9, UTC)


def _date(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip('"'))  # older SDKs quote the date twice
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
