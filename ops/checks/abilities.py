"""What an agent needs besides a plain answer: streams, tools, structured output, Responses, embeddings.

One function each: it asks the gateway once and returns what is wrong, in one sentence, or nothing.
"""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeVar

import msgspec

from ops.checks.shapes import Chunk, Completion, Embeddings, Response
from ops.description.stack import Models
from ops.description.typed import convert
from ops.services import events
from ops.services.gateway import Answer, Gateway

T = TypeVar("T")

CHAT, RESPONSES, EMBEDDINGS = "/v1/chat/completions", "/v1/responses", "/v1/embeddings"
ENOUGH_TOKENS = 100
LONGEST_SHOWN = 200


class OrderQuestion(msgspec.Struct, forbid_unknown_fields=True):
    """The arguments of the function that the test offers."""

    order_number: str


class Decision(msgspec.Struct, forbid_unknown_fields=True):
    """The structured answer that the test asks for."""

    verdict: Literal["refund", "no refund"]
    days_left: int


NAME = "order_status"
TOOL = {
    "type": "function",
    "function": {
        "name": NAME,
        "description": "Where an order is.",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"order_number": {"type": "string"}},
            "required": ["order_number"],
            "additionalProperties": False,
        },
    },
}
SCHEMA = {
    "name": "decision",
    "strict": True,
    "schema": {
        "type": "object",
        "properties": {
            "verdict": {"type": "string", "enum": ["refund", "no refund"]},
            "days_left": {"type": "integer"},
        },
        "required": ["verdict", "days_left"],
        "additionalProperties": False,
    },
}


class Unmet(Exception):
    """An answer is not what an agent needs; the text says what came instead."""


def offered(paths: Sequence[str]) -> tuple[str, ...]:
    """Names of the abilities whose path the edge lets through; a path may end in `*`."""
    return tuple(name for name, (path, _) in ABILITIES.items() if any(fnmatchcase(path, each) for each in paths))


def unmet(gateway: Gateway, models: Models, names: Sequence[str]) -> list[str]:
    """Try these abilities at once; a sentence for each that is missing, beginning with its name."""

    def tried(name: str) -> str:
        try:
            ABILITIES[name][1](gateway, models)
        except Unmet as problem:
            return f"{name}: {problem}"
        return ""

    with ThreadPoolExecutor(len(ABILITIES)) as pool:
        return [sentence for sentence in pool.map(tried, names) if sentence]


def streamed(gateway: Gateway, models: Models) -> None:
    """A streamed answer comes in chunks, with one end, its usage and `[DONE]`. Raises Unmet if not."""
    options = {"stream": True, "stream_options": {"include_usage": True}}
    answer = gateway.request("POST", CHAT, json=_question(models, "Say hello.", **options))
    _expect_ok(answer, "text/event-stream")
    *sent, last = events.data(str(answer.body)) or [""]
    if last != events.DONE:
        raise Unmet(f"the stream ends with {_short(last)}, not with {events.DONE}")
    chunks = [_read(_parsed(text, "a chunk"), Chunk, "a chunk") for text in sent]
    choices = [choice for chunk in chunks for choice in chunk.choices]
    ends = [choice.finish_reason for choice in choices if choice.finish_reason is not None]
    if len(ends) != 1 or choices[-1].finish_reason is None:
        raise Unmet(f"expected one finish_reason, in the last choice; got {ends or 'none'}")
    if not "".join(choice.delta.content or "" for choice in choices):
        raise Unmet("the stream holds no text")
    if not chunks[-1].usage:
        raise Unmet("include_usage was asked for, but the last chunk brings no usage")


def tool_call(gateway: Gateway, models: Models) -> None:
    """A question with a function comes back as a call of it, with arguments that fit. Raises Unmet if not."""
    options = {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": NAME}}}
    answer = gateway.request("POST", CHAT, json=_question(models, "Where is order 1042?", **options))
    calls = _completion(answer).choices[0].message.tool_calls
    if not calls:
        raise Unmet(f"expected a call of {NAME}, got {_short(answer.body)}")
    if calls[0].function.name != NAME:
        raise Unmet(f"expected a call of {NAME}, got one of {calls[0].function.name}")
    _read(_parsed(calls[0].function.arguments, "its arguments"), OrderQuestion, "its arguments")


def structured(gateway: Gateway, models: Models) -> None:
    """An answer asked for by a strict schema fits the schema. Raises Unmet if not."""
    form = {"type": "json_schema", "json_schema": SCHEMA}
    asked = _question(models, "Bought 10 days ago, 30 days to return. Refund?", response_format=form)
    message = _completion(gateway.request("POST", CHAT, json=asked)).choices[0].message
    if message.content is None:
        raise Unmet(f"expected JSON, got no content (refusal: {message.refusal})")
    _read(_parsed(message.content, "the answer"), Decision, "the answer")


def responses(gateway: Gateway, models: Models) -> None:
    """The Responses API answers, whole and with a text. Raises Unmet if not."""
    asked = {
        "model": models.default,
        "input": f"Say hello. {uuid.uuid4().hex}",
        "store": False,
        "max_output_tokens": ENOUGH_TOKENS,
    }
    answer = gateway.request("POST", RESPONSES, json=asked)
    _expect_ok(answer)
    response = _read(answer.body, Response, "the response")
    if response.status != "completed":
        raise Unmet(f"the response's status is '{response.status}', not 'completed'")
    messages = [item for item in response.output if item.type == "message"]
    if not any(part.type == "output_text" and part.text for item in messages for part in item.content or ()):
        raise Unmet(f"the response holds no output_text: {_short(answer.body)}")


def embedding(gateway: Gateway, models: Models) -> None:
    """The stack's embedding model gives a vector of the stack's size. Raises Unmet if not."""
    size = models.embedding_dimensions
    asked = {"model": models.embedding, "input": f"Where is my order? {uuid.uuid4().hex}", "dimensions": size}
    answer = gateway.request("POST", EMBEDDINGS, json=asked)
    _expect_ok(answer)
    vectors = _read(answer.body, Embeddings, "the answer").data
    if len(vectors) != 1 or len(vectors[0].embedding) != size:
        raise Unmet(f"expected one vector of {size}, got {[len(vector.embedding) for vector in vectors]}")
    if not any(vectors[0].embedding) or not all(map(math.isfinite, vectors[0].embedding)):
        raise Unmet("the vector is zero or not finite")


ABILITIES: Mapping[str, tuple[str, Callable[[Gateway, Models], None]]] = {
    "streamed": (CHAT, streamed),
    "tool call": (CHAT, tool_call),
    "structured output": (CHAT, structured),
    "Responses": (RESPONSES, responses),
    "embedding": (EMBEDDINGS, embedding),
}


def _question(models: Models, text: str, **options: Any) -> dict[str, Any]:
    # A conversation of its own each time: what the cache knows would say nothing about the provider's side.
    messages = [{"role": "system", "content": f"Conversation {uuid.uuid4().hex}."}, {"role": "user", "content": text}]
    return {"model": models.default, "messages": messages, "max_tokens": ENOUGH_TOKENS, **options}


def _completion(answer: Answer) -> Completion:
    _expect_ok(answer)
    completion = _read(answer.body, Completion, "the answer")
    if not completion.choices:
        raise Unmet("the answer has no choices")
    return completion


def _expect_ok(answer: Answer, media_type: str = "application/json") -> None:
    if answer.status != 200:
        raise Unmet(f"expected 200, got {answer.status} {answer.error or _short(answer.body)}".rstrip())
    if not (got := answer.headers.get("content-type", "")).startswith(media_type):
        raise Unmet(f"expected {media_type}, got {got or 'no content type'}")


def _parsed(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise Unmet(f"{what} cannot be parsed as JSON: {_short(text)}") from None


def _read(value: Any, kind: type[T], what: str) -> T:
    try:
        return convert(value, kind)
    except msgspec.ValidationError as error:
        raise Unmet(f"{what} is not as documented: {error}; got {_short(value)}") from None


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]} …"
