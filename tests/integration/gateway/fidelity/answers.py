"""What OpenAI may say, made at random, in the bytes it may say it in."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from random import Random
from typing import Any, get_args

from openai.types import CreateEmbeddingResponse, ModerationCreateResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent

from tests.integration.gateway.fidelity.instances import Instances, Made

EVENTS = get_args(get_args(ResponseStreamEvent)[0])
"""All types of events of a streamed response."""
ENDED = ("completed", "failed", "incomplete", "cancelled")
LAST = {"response.completed", "response.failed", "response.incomplete"}
ENDS_EARLY = {"error"}
"""The event that ends a stream in the middle; it has a test of its own."""


def _tokens(random: Random) -> int:
    return random.choice((0, 1, 17, 4096))


def _id(random: Random) -> str:
    return f"id_{random.getrandbits(64):x}"


MADE: Made = {
    # Bills: with amounts no model can have, the limits would be used up.
    **dict.fromkeys(
        (
            "prompt_tokens", "completion_tokens", "total_tokens", "input_tokens", "output_tokens", "cached_tokens",
            "reasoning_tokens", "audio_tokens", "accepted_prediction_tokens", "rejected_prediction_tokens",
        ),
        _tokens,
    ),
    "Response.id": _id,
    "ChatCompletionChunk.choices": lambda random: [],
    "Embedding.index": lambda random: 0,
}  # fmt: skip


def answers(seed: int) -> Instances:
    """A maker of what OpenAI sends."""
    return Instances(Random(seed), MADE)


def written(content: Any, random: Random) -> bytes:
    """JSON as one writer or another may write it."""
    separators = random.choice(((",", ":"), (", ", ": "), (" ,", " :\t")))
    text = json.dumps(content, ensure_ascii=random.random() < 0.5, separators=separators)
    return text.encode()


def completion(random: Random) -> dict[str, Any]:
    """A whole chat completion: it has a choice, and every choice says something."""
    instances = Instances(random, MADE)
    made: dict[str, Any] = instances.of(ChatCompletion)
    choice_kind = ChatCompletion.model_fields["choices"].annotation
    while not made["choices"]:
        made["choices"] = instances.of(choice_kind)
    for choice in made["choices"]:
        if choice["message"].get("content") is None:
            choice["message"]["content"] = instances.text()
    return made


def response(random: Random) -> dict[str, Any]:
    """A whole response: it has ended, and if it is complete it says something."""
    instances = Instances(random, MADE)
    made: dict[str, Any] = instances.of(Response)
    made["status"] = random.choice(ENDED)
    output_kind = Response.model_fields["output"].annotation
    while not made["output"] and made["status"] == "completed":
        made["output"] = instances.of(output_kind)
    return made


def embeddings(random: Random, inputs: int) -> dict[str, Any]:
    """A vector for each input, in no order."""
    made: dict[str, Any] = Instances(random, MADE).of(CreateEmbeddingResponse)
    vectors = [[random.uniform(-1, 1) for _ in range(8)] for _ in range(inputs)]
    made["data"] = [
        {"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)
    ]
    random.shuffle(made["data"])
    return made


def moderation(random: Random) -> dict[str, Any]:
    """The verdict on an input."""
    made: dict[str, Any] = Instances(random, MADE).of(ModerationCreateResponse)
    return made


def error(random: Random) -> dict[str, Any]:
    """An error as the provider words it, with what it may add some day."""
    instances = Instances(random, MADE)
    told = {
        "message": instances.text() or "no",
        "type": random.choice((None, "invalid_request_error", "server_error", "tokens")),
        "param": random.choice((None, "messages", "tools[0].function.name", instances.text())),
        "code": random.choice((None, "context_length_exceeded", "rate_limit_exceeded", 7)),
    }
    if random.random() < 0.3:
        told["innererror"] = instances.of(dict[str, str])
    return {"error": told}


def chat_chunks(random: Random) -> list[dict[str, Any]]:
    """The chunks of a streamed chat completion whose choices, interleaved, all end."""
    instances = Instances(random, MADE)
    choice_kind = get_args(ChatCompletionChunk.model_fields["choices"].annotation)[0]
    count = random.choice((1, 1, 1, 2, 3))
    told = []
    for _ in range(random.randint(1, 6)):
        chunk = instances.of(ChatCompletionChunk)
        choice = {**instances.of(choice_kind), "index": random.randrange(count)}
        told.append({**chunk, "choices": [choice]})
    for index in random.sample(range(count), count):
        chunk = instances.of(ChatCompletionChunk)
        delta = {"content": instances.text()} if random.random() < 0.5 else {}
        reason = random.choice(("stop", "length", "tool_calls", "content_filter"))
        told.append({**chunk, "choices": [{"index": index, "delta": delta, "finish_reason": reason}]})
    if random.random() < 0.7:
        usage = {"prompt_tokens": _tokens(random), "completion_tokens": _tokens(random)}
        told.append({**instances.of(ChatCompletionChunk), "choices": [], "usage": usage})
    return told


def response_events(random: Random) -> list[dict[str, Any]]:
    """The events of a streamed response that ends; between its first and last they are of any type."""
    instances = Instances(random, MADE)
    kinds = [random.choice(EVENTS) for _ in range(random.randint(1, 8))]
    made = [instances.of(kind) for kind in kinds]
    middle = [each for each in made if each["type"] not in ENDS_EARLY]
    last = {"type": random.choice(sorted(LAST)), "response": response(random)}
    begun = {**response(random), "status": "in_progress"}
    told = [{"type": "response.created", "response": begun}, *middle, last]
    return [{**each, "sequence_number": number} for number, each in enumerate(told)]


def as_events(told: Sequence[dict[str, Any]], random: Random, *, named: bool) -> list[bytes]:
    """Server-sent events, each in one of the forms the format allows."""
    lines = []
    end = random.choice((b"\n", b"\r\n"))
    space = random.choice((b" ", b" ", b""))
    for content in told:
        name = b"event: " + content["type"].encode() + end if named else b""
        data = json.dumps(
            content, ensure_ascii=random.random() < 0.5, separators=random.choice(((",", ":"), (", ", ": ")))
        )
        lines.append(name + b"data:" + space + data.encode() + end + end)
        if random.random() < 0.1:
            lines.append(b": keep-alive" + end + end)
    return lines


def in_pieces(whole: bytes, random: Random) -> list[bytes]:
    """Cut anywhere: in the middle of a line, of a character, of a line's end."""
    cuts = sorted({0, len(whole), *(random.randrange(len(whole) + 1) for _ in range(random.randint(0, 12)))})
    return [whole[start:end] for start, end in itertools.pairwise(cuts) if end > start]
