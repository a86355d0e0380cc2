"""``POST /v1/chat/completions``: reading the request, and the ``chat.completion`` object."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from starlette.responses import JSONResponse, Response

from ops.standins.openai import chat_rules, chat_stream, logprobs
from ops.standins.openai.asked import Asked, Format, Said, Tool, thought, tokens
from ops.standins.openai.billing import part_tokens, tool_tokens
from ops.standins.openai.chat_answer import Answer, Choice
from ops.standins.openai.chat_rules import text_of
from ops.standins.openai.control import by_chat_names
from ops.standins.openai.decide import decide
from ops.standins.openai.errors import invalid
from ops.standins.openai.files import Files
from ops.standins.openai.models import KNOWN, Model
from ops.standins.openai.service import Exchange, Service

PATH = "/v1/chat/completions"


@dataclass(frozen=True)
class ChatRequest:
    """A request that OpenAI takes, as far as its types and documented limits go."""

    body: Mapping[str, Any]
    asked: Asked
    prompt_tokens: int


class Chat:
    """The endpoint."""

    def __init__(self, service: Service, files: Files) -> None:
        self._service = service
        self._files = files
        self.create = service.making(PATH, self.read, lambda chat: chat.asked.question, self.answer)

    def read(self, body: dict[str, Any]) -> ChatRequest:
        """The request in ``body``. Raises ApiError for what OpenAI refuses."""
        name = body.get("model")
        model = self._service.catalog.find(name) if isinstance(name, str) else None
        chat_rules.check(body, model)
        model = model or KNOWN["gpt-4o"]
        prompt = 3 + tool_tokens(body.get("tools") or body.get("functions"))
        for message in body["messages"]:
            prompt += 3 + sum(tokens(call["function"]["arguments"])
                              for call in message.get("tool_calls", ()) if "function" in call)  # fmt: skip
            prompt += part_tokens(message.get("content"), model, self._files)
        if prompt > model.context:
            said = (
                f"This model's maximum context length is {model.context} tokens. However, your messages "
                f"resulted in {prompt} tokens. Please reduce the length of the messages."
            )
            raise invalid(said, "messages", "context_length_exceeded")
        return ChatRequest(body, read(body), prompt)

    async def answer(self, exchange: Exchange, chat: ChatRequest) -> Response:
        """The answer, whole or streamed."""
        model = self._service.catalog.chat(exchange.model)
        reply = self._service.control.find_reply(chat.asked.system, chat.asked.question)
        count = chat.body.get("n") or 1
        said = await asyncio.to_thread(lambda: [decide(chat.asked, at, reply) for at in range(count)])
        figures = exchange.fault.usage or (reply.usage if reply else {})
        made = answer(chat, model, said, by_chat_names(figures))
        exchange.prompt_tokens = made.usage["prompt_tokens"]
        exchange.completion_tokens = made.usage["completion_tokens"]
        if chat.body.get("stream"):
            return self._service.stream(exchange, chat_stream.events(made))
        return JSONResponse(completion(made))


def read(body: Mapping[str, Any]) -> Asked:
    """What ``body``, which has been checked, asks the model."""
    messages = body["messages"]
    system = [text_of(m.get("content")) for m in messages if m["role"] in ("system", "developer")]
    asked = [at for at, message in enumerate(messages) if message["role"] == "user"]
    since = messages[asked[-1] + 1 :] if asked else messages
    choice = body.get("tool_choice", body.get("function_call", "auto"))
    allowed = isinstance(choice, dict) and choice.get("type") == "allowed_tools"
    mode = choice["allowed_tools"]["mode"] if allowed else choice
    return Asked(
        model=str(body["model"]),
        system="\n".join(system),
        question=text_of(messages[asked[-1]].get("content")) if asked else "",
        messages=tuple({"role": m["role"], "content": text_of(m.get("content"))} for m in messages),
        tools=_tools(body, choice),
        must_call=mode == "required" or isinstance(mode, dict),
        parallel=body.get("parallel_tool_calls") is not False and "functions" not in body,
        called=tuple(_called(since)),
        results=tuple(text_of(m.get("content")) for m in since if m["role"] in ("tool", "function")),
        format=_format(body.get("response_format") or {}),
    )


def _tools(body: Mapping[str, Any], choice: Any) -> tuple[Tool, ...]:
    if choice == "none":
        return ()
    given = [Tool(f["name"], f.get("parameters") or {}) for f in body.get("functions") or ()]
    for tool in body.get("tools") or ():
        if tool["type"] == "custom":
            given.append(Tool(tool["custom"]["name"], None))
        else:
            given.append(Tool(tool["function"]["name"], tool["function"].get("parameters") or {}))
    names = chat_rules.chosen(choice)
    return tuple(tool for tool in given if not names or tool.name in names)


def _called(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    names = []
    for message in messages:
        names += [call[call["type"]]["name"] for call in message.get("tool_calls", ())]
        if legacy := message.get("function_call"):
            names.append(legacy["name"])
    return names


def _format(wanted: Mapping[str, Any]) -> Format | None:
    if wanted.get("type") == "json_object":
        return Format(None)
    return Format(wanted["json_schema"].get("schema")) if wanted.get("type") == "json_schema" else None


def answer(chat: ChatRequest, model: Model, said: Sequence[Said], figures: Mapping[str, int]) -> Answer:
    """The answer that says ``said``, cut at its limits; ``figures`` replace those of the usage."""
    body = chat.body
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    stops = body.get("stop") or []
    thinking = thought(model.reasoning, body.get("reasoning_effort"))
    if limit is not None:
        limit = max(0, limit - thinking)
    choices = tuple(
        _choice(at, one, limit, [stops] if isinstance(stops, str) else stops, "functions" in body)
        for at, one in enumerate(said)
    )
    made = sum(choice.tokens + thinking for choice in choices)
    usage: dict[str, Any] = {
        "prompt_tokens": chat.prompt_tokens,
        "completion_tokens": made,
        "total_tokens": 0,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": thinking * len(choices),
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
    for name, value in figures.items():
        details = next((part for part in usage.values() if isinstance(part, dict) and name in part), usage)
        details[name] = value
    if "total_tokens" not in figures:
        usage["total_tokens"] = usage["prompt_tokens"] + usage["completion_tokens"]
    tier = body.get("service_tier")
    return Answer(
        id=f"chatcmpl-{uuid.uuid4().hex}",
        created=int(time.time()),
        model=model.dated,
        choices=choices,
        usage=usage,
        service_tier="priority" if tier == "fast" else tier if tier not in (None, "auto") else "default",
        logprobs=body.get("top_logprobs") or 0 if body.get("logprobs") else None,
        include_usage=bool((body.get("stream_options") or {}).get("include_usage")),
        obfuscate=(body.get("stream_options") or {}).get("include_obfuscation") is not False,
    )


def _choice(index: int, said: Said, limit: int | None, stops: Sequence[str], legacy: bool) -> Choice:
    for stop in stops:
        said = replace(said, text=said.text.split(stop, 1)[0] if stop else said.text)
    used = said.tokens()
    said, cut = said.cut(limit)
    finish = "length" if cut else "stop"
    if said.calls and not cut:
        finish = "function_call" if legacy else "tool_calls"
    ids = tuple(f"call_{uuid.uuid4().hex[:24]}" for _ in said.calls)
    return Choice(index, said, finish, used if limit is None else min(used, limit), legacy and bool(said.calls), ids)


def completion(answer: Answer) -> dict[str, Any]:
    """The answer as one ``chat.completion`` object."""
    choices = []
    for choice in answer.choices:
        said = choice.said
        spoken = not said.calls and said.refusal is None
        message: dict[str, Any] = {
            "role": "assistant",
            "content": said.text if spoken else None,
            "refusal": said.refusal,
            "annotations": [],
        }
        if choice.legacy:
            message["function_call"] = choice.tool_calls()[0]["function"]
        elif said.calls:
            message["tool_calls"] = choice.tool_calls()
        choices.append(
            {
                "index": choice.index,
                "message": message,
                "logprobs": logprobs.whole(said, answer.logprobs),
                "finish_reason": choice.finish,
            }
        )
    return {**answer.head("chat.completion"), "choices": choices, "usage": answer.usage}
