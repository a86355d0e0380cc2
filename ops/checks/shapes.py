"""OpenAI's documented objects, as far as the tests of phase 4 read them. Fields not named here are passed over."""

from __future__ import annotations

from typing import Literal

import msgspec


class Usage(msgspec.Struct):
    """What a chat answer cost, in tokens."""

    prompt_tokens: int
    completion_tokens: int


class Function(msgspec.Struct):
    """A call of a function; `arguments` is JSON."""

    name: str
    arguments: str


class ToolCall(msgspec.Struct):
    """A tool that the model wants called."""

    id: str
    type: Literal["function"]
    function: Function


class Message(msgspec.Struct):
    """What the model says: a text, calls of tools, or why it will not."""

    role: Literal["assistant"]
    content: str | None
    tool_calls: list[ToolCall] = []
    refusal: str | None = None


class Choice(msgspec.Struct):
    """One of the answers; `finish_reason` says that it is whole."""

    index: int
    message: Message
    finish_reason: str


class Completion(msgspec.Struct):
    """The answer of ``POST /v1/chat/completions``."""

    id: str
    object: Literal["chat.completion"]
    model: str
    choices: list[Choice]
    usage: Usage


class Delta(msgspec.Struct):
    """What a chunk adds to a streamed answer."""

    role: str | None = None
    content: str | None = None


class ChunkChoice(msgspec.Struct):
    """What a chunk adds to one of the answers."""

    index: int
    delta: Delta
    finish_reason: str | None = None


class Chunk(msgspec.Struct):
    """One event of a streamed chat answer; the last one brings the usage and no choice."""

    id: str
    object: Literal["chat.completion.chunk"]
    choices: list[ChunkChoice]
    usage: Usage | None = None


class Part(msgspec.Struct):
    """One piece of an output item."""

    type: str
    text: str = ""


class OutputItem(msgspec.Struct):
    """One item of a response's output: a message, a call, a piece of reasoning."""

    type: str
    content: list[Part] | None = None


class ResponseUsage(msgspec.Struct):
    """What a response cost, in tokens."""

    input_tokens: int
    output_tokens: int


class Response(msgspec.Struct):
    """The answer of ``POST /v1/responses``."""

    id: str
    object: Literal["response"]
    status: str
    output: list[OutputItem]
    usage: ResponseUsage


class Vector(msgspec.Struct):
    """One text's embedding."""

    index: int
    embedding: list[float]


class Embeddings(msgspec.Struct):
    """The answer of ``POST /v1/embeddings``."""

    object: Literal["list"]
    data: list[Vector]
