"""Chat completions that can be foretold: the answer is the shop's, or quotes the last user message.

Shapes follow OpenAI's chat completions API (``chat.completion`` and ``chat.completion.chunk`` objects).
"""

from __future__ import annotations

import json
import math
import re
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ops.standins import shop

QUOTED_CHARS = 400
CONTEXT_TOKENS = 128_000
ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
SNAPSHOTS = {"gpt-4o-mini": "gpt-4o-mini-2024-07-18", "gpt-4o": "gpt-4o-2024-08-06"}


class BadRequest(ValueError):
    """A request OpenAI would answer with 400; carries its ``param`` and ``code``."""

    def __init__(self, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.code = code


def tokens(text: str) -> int:
    """About as many tokens as a model counts in ``text``: four characters each, at least one."""
    return max(1, math.ceil(len(text) / 4))


def text_of(content: Any) -> str:
    """The text of a message's content, which is a string, a list of parts, or nothing."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return ""


@dataclass(frozen=True)
class ChatRequest:
    """The part of a chat request that decides the answer."""

    model: str
    system: str
    question: str
    prompt_tokens: int
    max_tokens: int | None
    n: int
    stream: bool
    include_usage: bool
    as_json: bool
    tool: Mapping[str, Any] | None
    as_judge: str | None = None

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> ChatRequest:
        """Read a request body. Raises BadRequest for what OpenAI refuses."""
        messages = body.get("messages")
        if not isinstance(messages, list) or not messages:
            message = "Missing required parameter: 'messages'."
            raise BadRequest(message, "messages", "missing_required_parameter")
        for at, item in enumerate(messages):
            role = item.get("role") if isinstance(item, dict) else None
            if role not in ROLES:
                raise BadRequest(f"Invalid value: {role!r}.", f"messages[{at}].role", "invalid_value")
        stream = bool(body.get("stream"))
        if body.get("stream_options") and not stream:
            raise BadRequest("The 'stream_options' parameter is only allowed when 'stream' is enabled.")
        limit = body.get("max_completion_tokens", body.get("max_tokens"))
        if limit is not None and (not isinstance(limit, int) or limit < 1):
            raise BadRequest("Invalid 'max_tokens': expected a whole number from 1.", "max_tokens", "invalid_value")
        n = body.get("n") or 1
        if not isinstance(n, int) or not 1 <= n <= 128:
            raise BadRequest("Invalid 'n': expected an integer from 1 to 128.", "n", "invalid_value")
        prompt = 3 + sum(3 + tokens(text_of(m.get("content"))) for m in messages)
        if prompt > CONTEXT_TOKENS:
            raise BadRequest(
                f"This model's maximum context length is {CONTEXT_TOKENS} tokens. However, your messages "
                f"resulted in {prompt} tokens.",
                "messages",
                "context_length_exceeded",
            )
        texts = {role: [text_of(m.get("content")) for m in messages if m["role"] == role] for role in ROLES}
        return cls(
            model=str(body.get("model")),
            system="\n".join(texts["system"] + texts["developer"]),
            question=texts["user"][-1] if texts["user"] else "",
            prompt_tokens=prompt,
            max_tokens=limit,
            n=n,
            stream=stream,
            include_usage=bool((body.get("stream_options") or {}).get("include_usage")),
            as_json=(body.get("response_format") or {}).get("type") in ("json_object", "json_schema"),
            tool=_tool_to_call(body, messages),
            as_judge=shop.verdict(messages),
        )


def _tool_to_call(body: Mapping[str, Any], messages: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The function this answer calls: the one asked for, else the first; none after a tool's result."""
    functions = [t["function"] for t in body.get("tools") or [] if isinstance(t, dict) and "function" in t]
    choice = body.get("tool_choice", "auto")
    if not functions or choice == "none" or messages[-1]["role"] == "tool":
        return None
    if isinstance(choice, dict):
        wanted = (choice.get("function") or {}).get("name")
        named = [f for f in functions if f.get("name") == wanted]
        if not named:
            raise BadRequest(f"'{wanted}' is not among the 'tools'.", "tool_choice", "invalid_value")
        return dict(named[0])
    return dict(functions[0])


@dataclass(frozen=True)
class Answer:
    """A complete answer, from which both the plain and the streamed form are made."""

    request: ChatRequest
    texts: tuple[str, ...]
    finish: str
    usage: Mapping[str, Any]
    id: str
    created: int

    @property
    def model(self) -> str:
        """The dated name with which OpenAI signs its answers."""
        return SNAPSHOTS.get(self.request.model, self.request.model)

    def with_usage(self, figures: Mapping[str, int]) -> Answer:
        """The same answer claiming other token figures; the total follows unless it is given too."""
        usage = {**self.usage, **figures}
        if "total_tokens" not in figures:
            usage["total_tokens"] = usage["prompt_tokens"] + usage["completion_tokens"]
        return replace(self, usage=usage)


def answer(request: ChatRequest, fixed: str | None = None) -> Answer:
    """The answer to ``request``; ``fixed`` replaces the built-in text."""
    texts = []
    cut = False
    for at in range(request.n):
        text = _text(request, at) if fixed is None else fixed
        if request.tool is None and request.max_tokens is not None and tokens(text) > request.max_tokens:
            text, cut = text[: request.max_tokens * 4], True
        texts.append(text)
    completion = sum(tokens(text) for text in texts)
    finish = "tool_calls" if request.tool is not None else "length" if cut else "stop"
    usage = {
        "prompt_tokens": request.prompt_tokens,
        "completion_tokens": completion,
        "total_tokens": request.prompt_tokens + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }
    return Answer(request, tuple(texts), finish, usage, f"chatcmpl-{uuid.uuid4().hex}", int(time.time()))


def _text(request: ChatRequest, choice: int) -> str:
    if request.tool is not None:
        return json.dumps(_arguments(request))
    if request.as_judge is not None:
        return request.as_judge
    quoted = request.question[:QUOTED_CHARS]
    if request.as_json:
        return json.dumps({"question": quoted, "answer": "a rehearsed answer"})
    passage = shop.answer(request.question, request.system) if choice == 0 else None
    if passage is not None:
        return passage
    again = f" (choice {choice + 1})" if choice else ""
    return f'You asked: "{quoted}". This is a rehearsed answer from {request.model}{again}.'


def _arguments(request: ChatRequest) -> dict[str, Any]:
    """Arguments that fit the function's schema as far as names and simple types go."""
    parameters = (request.tool or {}).get("parameters") or {}
    values: dict[str, Any] = {
        "string": request.question[:QUOTED_CHARS],
        "integer": 1,
        "number": 1.0,
        "boolean": True,
        "array": [],
        "object": {},
    }
    made = {}
    for name, schema in (parameters.get("properties") or {}).items():
        options = schema.get("enum")
        made[name] = options[0] if options else values.get(schema.get("type", "string"))
    return made


def _tool_calls(answer: Answer, text: str) -> list[dict[str, Any]]:
    name = (answer.request.tool or {}).get("name", "")
    function = {"name": name, "arguments": text}
    return [{"id": f"call_{answer.id[-24:]}", "type": "function", "function": function}]


def completion(answer: Answer) -> dict[str, Any]:
    """The answer as one ``chat.completion`` object."""
    choices = []
    for index, text in enumerate(answer.texts):
        message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
        if answer.request.tool is not None:
            message |= {"content": None, "tool_calls": _tool_calls(answer, text)}
        choices.append({"index": index, "message": message, "logprobs": None, "finish_reason": answer.finish})
    return {**_head(answer, "chat.completion"), "choices": choices, "usage": answer.usage}


def chunks(answer: Answer) -> Iterator[tuple[dict[str, Any], bool]]:
    """The answer as ``chat.completion.chunk`` objects, each with whether it carries content.

    Per choice: the role, the content word by word (or the tool call), the finish reason; at the very end the
    usage when it was asked for.
    """
    head = _head(answer, "chat.completion.chunk")
    extra: dict[str, Any] = {"usage": None} if answer.request.include_usage else {}

    def chunk(index: int, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**head, "choices": [choice], **extra}

    for index, text in enumerate(answer.texts):
        yield chunk(index, {"role": "assistant", "content": "", "refusal": None}), False
        if answer.request.tool is not None:
            calls = [{"index": at, **call} for at, call in enumerate(_tool_calls(answer, text))]
            yield chunk(index, {"tool_calls": calls}), True
        else:
            for piece in re.findall(r"\s*\S+|\s+$", text):
                yield chunk(index, {"content": piece}), True
        yield chunk(index, {}, answer.finish), False
    if answer.request.include_usage:
        yield {**head, "choices": [], "usage": answer.usage}, False


def _head(answer: Answer, kind: str) -> dict[str, Any]:
    return {
        "id": answer.id,
        "object": kind,
        "created": answer.created,
        "model": answer.model,
        "service_tier": "default",
        "system_fingerprint": "fp_rehearsal",
    }
