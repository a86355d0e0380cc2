"""Requests that OpenAI's SDK declares valid, made at random."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from openai.types.chat.completion_create_params import CompletionCreateParamsBase
from openai.types.embedding_create_params import EmbeddingCreateParams
from openai.types.moderation_create_params import ModerationCreateParams
from openai.types.responses.response_create_params import ResponseCreateParamsBase

from tests.integration.gateway.fidelity.instances import Instances, Made

SENT_OFTEN = 0.2
"""How often an optional parameter is sent: with more, nearly every request would hold one that is refused."""


def between(least: float, most: float) -> Callable[[Random], float]:
    """A decimal within the documented bounds."""
    return lambda random: random.choice((least, most, round(random.uniform(least, most), 3)))


def whole(least: int, most: int) -> Callable[[Random], int]:
    """A whole number within the documented bounds."""
    return lambda random: random.randint(least, most)


def _names(random: Random) -> str:
    return f"name_{random.randrange(10**6)}"


def _bias(random: Random) -> dict[str, int]:
    return {str(random.randrange(200_000)): random.randint(-100, 100) for _ in range(random.randint(0, 5))}


def _labels(random: Random) -> dict[str, str]:
    return {f"label {n}": random.choice(("", "✓", "x" * 512)) for n in range(random.randint(0, 16))}


def _stops(random: Random) -> Any:
    return random.choice((None, "\n", ["END", "✓"], ["a", "b", "c", "d"]))


BOUNDS: Made = {
    "temperature": between(0, 2), "top_p": between(0, 1), "frequency_penalty": between(-2, 2),
    "presence_penalty": between(-2, 2), "n": whole(1, 4), "seed": whole(-(2**62), 2**62),
    "max_tokens": whole(1, 5000), "max_completion_tokens": whole(1, 5000), "max_output_tokens": whole(16, 5000),
    "max_tool_calls": whole(1, 5), "top_logprobs": whole(0, 20), "logit_bias": _bias, "metadata": _labels,
    "stop": _stops, "name": _names, "model": lambda random: random.choice(("gpt-4o-mini", "gpt-4o")),
    "id": _names, "call_id": _names, "tool_call_id": _names,
}  # fmt: skip
"""Fields whose bounds OpenAI documents in words."""


class Requests(Instances):
    """Makes requests: of the optional parameters at the top only some, below as the types say."""

    def _fields(self, name: str, fields: Any, depth: int) -> dict[str, Any]:
        if depth == 0:
            fields = [field for field in fields if field[2] or self._random.random() < SENT_OFTEN]
        return super()._fields(name, fields, depth)


def chat(random: Random) -> dict[str, Any]:
    """A chat completion request."""
    made = _made(CompletionCreateParamsBase, random)
    while not made["messages"]:
        made["messages"] = _made(CompletionCreateParamsBase, random)["messages"]
    if made.get("top_logprobs") is not None:
        made["logprobs"] = True
    for name in ("functions", "tools"):
        if name in made and not made[name]:
            del made[name]
    for message in made["messages"]:
        if message.get("tool_calls") == []:
            del message["tool_calls"]
    return _streamed(made, random)


def response(random: Random) -> dict[str, Any]:
    """A request for a response."""
    made = _made(ResponseCreateParamsBase, random)
    made.setdefault("input", Requests(random, BOUNDS).text())
    made["model"] = random.choice(("gpt-4o-mini", "gpt-4o"))
    return _streamed(made, random)


def embedding(random: Random) -> dict[str, Any]:
    """An embedding request whose inputs have something to embed."""
    made = _made(EmbeddingCreateParams, random)
    texts = [f"{text} {random.random()}" for text in ("naïve café", "退货政策 🧑\u200d🚀", 'a "quoted" \\ word')]
    tokens = [[random.randrange(100_000) for _ in range(random.randint(1, 5))] for _ in range(3)]
    made["input"] = random.choice((texts[0], texts, tokens[0], tokens))
    made["model"] = "text-embedding-3-large"
    if "dimensions" in made:
        made["dimensions"] = random.randint(1, 3072)
    return made


def moderation(random: Random) -> dict[str, Any]:
    """A moderation request."""
    return _made(ModerationCreateParams, random)


def parameters(kind: Callable[[Random], dict[str, Any]]) -> set[str]:
    """The names of all parameters that the SDK knows for a kind of request."""
    types = {
        chat: CompletionCreateParamsBase, response: ResponseCreateParamsBase,
        embedding: EmbeddingCreateParams, moderation: ModerationCreateParams,
    }  # fmt: skip
    return set(types[kind].__annotations__)


def _made(kind: Any, random: Random) -> dict[str, Any]:
    made: dict[str, Any] = Requests(random, BOUNDS).of(kind)
    return made


def _streamed(made: dict[str, Any], random: Random) -> dict[str, Any]:
    """With `stream`, which alone lets `stream_options` be sent."""
    stream = random.choice((None, False, True))
    if stream is not None:
        made["stream"] = stream
    if stream is not True:
        made.pop("stream_options", None)
    return made
