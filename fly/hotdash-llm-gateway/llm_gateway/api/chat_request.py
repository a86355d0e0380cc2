"""A chat request as the client sent it: checked, and taken apart into what goes where."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..cache.keys import END_USER_METADATA, Controls, controls

_NUMBER, _TEXT, _OBJECT = (int, float), (str,), (dict,)
_OBJECTS = (list,)
"""A list is always one of objects, but for `stop`."""
FORWARDED: Mapping[str, tuple[type, ...]] = {
    "messages": _OBJECTS, "tools": _OBJECTS, "functions": _OBJECTS,
    "tool_choice": (str, dict), "function_call": (str, dict), "stop": (str, list),
    "response_format": _OBJECT, "logit_bias": _OBJECT, "prediction": _OBJECT,
    "frequency_penalty": _NUMBER, "presence_penalty": _NUMBER, "temperature": _NUMBER, "top_p": _NUMBER,
    "max_completion_tokens": (int,), "max_tokens": (int,), "n": (int,), "seed": (int,), "top_logprobs": (int,),
    "logprobs": (bool,), "parallel_tool_calls": (bool,), "store": (bool,),
    "prompt_cache_key": _TEXT, "safety_identifier": _TEXT, "user": _TEXT,
}  # fmt: skip
"""OpenAI's chat completion parameters and their types: an allow-list, so that nothing else a client sends can steer
LiteLLM or a bill, and so that what the provider would refuse is refused before it, or a second model, is asked."""
_MESSAGE: Mapping[str, tuple[type, ...]] = {
    "role": _TEXT, "content": (str, list), "name": _TEXT, "refusal": _TEXT, "tool_call_id": _TEXT,
    "tool_calls": _OBJECTS, "function_call": _OBJECT, "audio": _OBJECT,
}  # fmt: skip
TAKEN = frozenset({"model", "stream", "stream_options", "cache", "metadata"})
"""Fields with a meaning of their own to the gateway."""
_TYPE_NAMES = {
    str: "a text", int: "a whole number", float: "a number", bool: "true or false",
    dict: "an object", list: "a list of objects",
}  # fmt: skip
ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
MOST_CHOICES = 128
MOST_METADATA = 16
LONGEST_METADATA = 512
DEEPEST = 64
"""Levels of a body. Tools and response formats have a dozen; some hundreds would exhaust what reads them on the way."""


class BadRequest(Exception):
    """The client's own mistake, in words for the client."""

    def __init__(self, message: str, *, status: int = 400, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message, self.status, self.param, self.code = message, status, param, code


@dataclass(frozen=True)
class ChatRequest:
    """What a client asked for.

    Attributes:
        body: the parameters for the provider; model and streaming are the gateway's to add.
        model: the model asked for, one of those that exist.
        stream: whether the answer is wanted as server-sent events; `include_usage`: with a usage chunk at its end.
        controls: what the client wants of the caches.
        metadata: the client's own labels, shortened, for the trace.
        named: what in the metadata names the end user, in full: two people must never look like one.
        ignored: names of fields that were dropped.
        output_tokens: the most the answer can have, over all choices.
    """

    body: Mapping[str, Any]
    model: str
    stream: bool
    include_usage: bool
    controls: Controls
    metadata: Mapping[str, str]
    named: Mapping[str, Any]
    ignored: tuple[str, ...]
    output_tokens: int

    @property
    def identity(self) -> dict[str, Any]:
        """All that can decide which answer is right: the parameters and who the end user is."""
        return {**self.body, "metadata": self.named}

    @property
    def end_user(self) -> str | None:
        user = self.body.get("user") or self.metadata.get("user_id")
        return user if isinstance(user, str) else None


def parse(
    raw: bytes,
    *,
    cache_control: str | None,
    models: tuple[str, ...],
    default_model: str,
    default_max_tokens: int,
) -> ChatRequest:
    """Read a request body.

    Args:
        raw: the body as it came.
        cache_control: the request's Cache-Control header, which may say no-cache and no-store.
        models: the models that exist for clients.
        default_model: for a request that names none.
        default_max_tokens: for a request that does not bound its answer.

    Raises:
        BadRequest: with a message that says what to change.
    """
    sent = _json(raw)
    model = sent.get("model", default_model)
    if not isinstance(model, str) or model not in models:
        raise BadRequest(
            f"the model {_shown(model)} does not exist here; there are {', '.join(models)}",
            param="model", code="model_not_found",
        )  # fmt: skip
    body = {name: value for name, value in sent.items() if name in FORWARDED and value is not None}
    _check_types(body, FORWARDED)
    _check_messages(body.get("messages"))
    options = sent.get("stream_options")
    return ChatRequest(
        body=body,
        model=model,
        stream=_flag(sent, "stream"),
        include_usage=isinstance(options, Mapping) and options.get("include_usage") is True,
        controls=_controls(sent, cache_control),
        metadata=_metadata(sent.get("metadata")),
        named=_named(sent.get("metadata")),
        ignored=tuple(sorted(name for name in sent if name not in FORWARDED and name not in TAKEN)),
        output_tokens=_bounded(body, default_max_tokens),
    )


def _json(raw: bytes) -> dict[str, Any]:
    try:
        # Decoded here, since json would also take UTF-16 and the bytes of lone surrogates.
        sent = json.loads(raw.decode("utf-8-sig"), parse_constant=_not_json, parse_float=_finite)
        if b"\\ud" in raw or b"\\uD" in raw:
            json.dumps(sent, ensure_ascii=False).encode()  # A lone surrogate could not be sent on.
    except (ValueError, RecursionError):
        raise BadRequest("the body is not valid JSON") from None
    if not isinstance(sent, dict):
        raise BadRequest("the body must be a JSON object")
    if raw.count(b"[") + raw.count(b"{") > DEEPEST and _deeper(sent, DEEPEST):
        raise BadRequest(f"the body is nested deeper than {DEEPEST} levels")
    return sent


def _not_json(word: str) -> None:
    raise ValueError(word)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):  # 1e999 and the like, which JSON has no way to write again.
        raise ValueError(text[:40])
    return value


def _deeper(value: Any, levels: int) -> bool:
    """Whether lists and objects are nested in more than so many levels. Without recursion: that is bounded here."""
    layer = [value]
    for _ in range(levels):
        inner = [item for each in layer for item in (each.values() if isinstance(each, dict) else each)]
        layer = [item for item in inner if isinstance(item, dict | list)]
        if not layer:
            return False
    return True


def _check_messages(messages: object) -> None:
    if not isinstance(messages, list) or not messages:
        raise BadRequest("messages must be a list of at least one message", param="messages")
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if message.get("role") not in ROLES:
            raise BadRequest(f"{where}.role must be one of {', '.join(sorted(ROLES))}", param=f"{where}.role")
        _check_types(message, _MESSAGE, f"{where}.")
        content = message.get("content")
        if isinstance(content, list) and not all(isinstance(part.get("type"), str) for part in content):
            raise BadRequest(f"{where}.content: each part needs a type", param=f"{where}.content")


def _check_types(values: Mapping[str, Any], types: Mapping[str, tuple[type, ...]], path: str = "") -> None:
    for name, expected in types.items():
        value = values.get(name)
        if value is None:
            continue
        fits = isinstance(value, expected) and (bool in expected or not isinstance(value, bool))
        if fits and isinstance(value, list) and name != "stop":
            fits = all(isinstance(item, dict) for item in value)
        if not fits:
            names = " or ".join(_TYPE_NAMES[kind] for kind in expected)
            raise BadRequest(f"{path}{name} must be {names}", param=f"{path}{name}")


def _bounded(body: dict[str, Any], default: int) -> int:
    """Put a bound on the answer if the client set none; return what all choices together may have."""
    bounds = [_positive(body, name) for name in ("max_tokens", "max_completion_tokens") if name in body]
    if not bounds:
        body["max_tokens"] = default
    choices = _positive(body, "n") if "n" in body else 1
    if choices > MOST_CHOICES:
        raise BadRequest(f"n must not be above {MOST_CHOICES}", param="n")
    # A wrong prediction is billed as output on top of the answer; its text cannot have more tokens than bytes.
    predicted = len(json.dumps(body["prediction"]).encode()) if "prediction" in body else 0
    return max(bounds or [default]) * choices + predicted


def _positive(body: Mapping[str, Any], name: str) -> int:
    value = body[name]
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise BadRequest(f"{name} must be a whole number of at least 1", param=name)
    return value


def _flag(sent: Mapping[str, Any], name: str) -> bool:
    value = sent.get(name)
    if value not in (None, True, False):
        raise BadRequest(f"{name} must be true or false", param=name)
    return bool(value)


def _controls(sent: Mapping[str, Any], header: str | None) -> Controls:
    asked = controls(sent)
    words = {word.strip().lower() for word in (header or "").split(",")}
    return replace(
        asked, no_cache=asked.no_cache or "no-cache" in words, no_store=asked.no_store or "no-store" in words
    )


def _metadata(sent: object) -> dict[str, str]:
    if not isinstance(sent, Mapping):
        return {}
    plain = [(name, str(value)) for name, value in sent.items() if isinstance(value, str | int | float)]
    return {name[:64]: value[:LONGEST_METADATA] for name, value in plain[:MOST_METADATA]}


def _named(sent: object) -> dict[str, Any]:
    if not isinstance(sent, Mapping):
        return {}
    return {name: sent[name] for name in END_USER_METADATA if sent.get(name) not in (None, "")}


def _shown(value: object) -> str:
    return repr(value[:80]) if isinstance(value, str) else "given"
