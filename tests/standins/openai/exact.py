"""Objects held against the models of OpenAI's SDK: every type right, and no field the SDK does not know."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TypeVar

import httpx
import pydantic
from openai.types.chat import ChatCompletionChunk
from openai.types.responses import ResponseStreamEvent

Made = TypeVar("Made")
# Sent by OpenAI and not in the SDK's types: `obfuscation` in each delta, as the SDK's words on `include_obfuscation`
# say; `store` in each response, as the examples of the API reference show.
UNLISTED = {"obfuscation", "store", "response.store"}


def exact(kind: type[Made] | Any, data: Any) -> Made:
    """``data`` as an object of ``kind``; fails when the SDK's type does not describe it wholly."""
    made: Made = pydantic.TypeAdapter(kind).validate_python(data)
    extra = sorted(set(_extra(made, "")) - UNLISTED)
    assert not extra, f"fields that are not described: {extra}"
    return made


def _extra(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, pydantic.BaseModel):
        yield from (f"{path}{name}" for name in value.model_extra or ())
        for name in type(value).model_fields:
            yield from _extra(getattr(value, name), f"{path}{name}.")
    elif isinstance(value, list):
        for item in value:
            yield from _extra(item, path)


def chunks(answer: httpx.Response) -> list[ChatCompletionChunk]:
    """The chunks of a chat stream, which must end as it should."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line]
    assert lines[-1] == "[DONE]"
    return [exact(ChatCompletionChunk, json.loads(line)) for line in lines[:-1]]


def events(answer: httpx.Response) -> list[Any]:
    """The events of a Responses stream, numbered without a gap, each named as it calls itself."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    made = []
    for block in answer.text.strip().split("\n\n"):
        name, _, data = block.partition("\n")
        event: Any = exact(ResponseStreamEvent, json.loads(data.removeprefix("data: ")))
        assert name == f"event: {event.type}"
        made.append(event)
    first = made[0].sequence_number
    assert [event.sequence_number for event in made] == list(range(first, first + len(made)))
    return made
