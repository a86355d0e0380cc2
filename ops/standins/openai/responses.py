"""``/v1/responses``."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ops.standins.openai import items, response_rules
from ops.standins.openai.asked import Asked
from ops.standins.openai.billing import tool_tokens
from ops.standins.openai.decide import decide
from ops.standins.openai.errors import invalid
from ops.standins.openai.files import Files
from ops.standins.openai.items import Item
from ops.standins.openai.memory import Conversation, Kept, Memory
from ops.standins.openai.models import KNOWN
from ops.standins.openai.paging import page
from ops.standins.openai.response_object import begun, ended, output, unfinished, usage
from ops.standins.openai.response_stream import events
from ops.standins.openai.service import Exchange, Service

PATH = "/v1/responses"
PROMPT_MODEL = "gpt-4o"


@dataclass(frozen=True)
class ResponseRequest:
    """A request that OpenAI takes: what is put in, and what the model reads with it."""

    body: Mapping[str, Any]
    model: str
    asked: Asked
    inputs: list[Item]
    context: list[Item]
    input_tokens: int
    conversation: Conversation | None


class Responses:
    """The endpoints."""

    def __init__(self, service: Service, files: Files, memory: Memory) -> None:
        self._service = service
        self._files = files
        self._memory = memory
        self.create = service.making(PATH, self.read, lambda given: given.asked.question, self.answer, PROMPT_MODEL)

    def read(self, body: dict[str, Any]) -> ResponseRequest:
        """The request in ``body``. Raises ApiError for what OpenAI refuses."""
        name = body.get("model")
        model = self._service.catalog.find(name) if isinstance(name, str) else None
        response_rules.check(body, model)
        name = name or PROMPT_MODEL
        model = model or KNOWN[PROMPT_MODEL]
        conversation = self._conversation(body)
        before = conversation.items if conversation else []
        if body.get("previous_response_id") is not None:
            before = self._memory.previous(body["previous_response_id"]).context
        inputs = self._inputs(body)
        context = [*before, *inputs]
        response_rules.answered(context)
        instructions = body.get("instructions") or ""
        overhead = tool_tokens(body.get("tools"))
        read = overhead + items.prompt_tokens(instructions, context, model, self._files)
        while read > model.context and body.get("truncation") == "auto" and len(context) > 1:
            read -= items.item_tokens(context[0], model, self._files)
            context = context[1:]
        if read > model.context:
            said = "Your input exceeds the context window of this model. Please adjust your input and try again."
            raise invalid(said, "input", "context_length_exceeded")
        asked = items.read(body, name, instructions, context)
        return ResponseRequest(body, name, asked, inputs, context, read, conversation)

    def _conversation(self, body: Mapping[str, Any]) -> Conversation | None:
        given = body.get("conversation")
        if given is None:
            return None
        return self._memory.conversation(given["id"] if isinstance(given, dict) else given)

    def _inputs(self, body: Mapping[str, Any]) -> list[Item]:
        given = body.get("input")
        if isinstance(given, str):
            given = [{"role": "user", "content": given}]
        made = []
        if (prompt := body.get("prompt")) is not None:
            # There are no templates here: the question is the prompt's name and what was filled in.
            filled = ", ".join(f"{name}={value}" for name, value in (prompt.get("variables") or {}).items())
            made.append(items.stored({"role": "user", "content": f"{prompt['id']} {filled}".strip()}))
        for item in given or ():
            if item.get("type") == "item_reference" or ("role" not in item and "type" not in item):
                made.append(self._memory.item(item["id"]))
            else:
                made.append(items.stored(item))
        return made

    async def answer(self, exchange: Exchange, given: ResponseRequest) -> Response:
        """The response, whole, streamed, or in the background."""
        model = self._service.catalog.chat(given.model)
        body = given.body
        reply = self._service.control.find_reply(given.asked.system, given.asked.question)
        said = await asyncio.to_thread(decide, given.asked, 0, reply)
        made = output(said, body, model)
        figures = exchange.fault.usage or (reply.usage if reply else {})
        used = usage(given.input_tokens, made, figures)
        exchange.prompt_tokens, exchange.completion_tokens = used["input_tokens"], used["output_tokens"]
        response = ended(begun(body, model, "in_progress"), made, used, exchange.fault.outcome)
        if body.get("store") is not False:
            self._memory.keep(Kept(response, given.inputs, [*given.context, *response["output"]]))
        if given.conversation is not None and response["status"] != "failed":
            given.conversation.items += [*given.inputs, *response["output"]]
        if body.get("stream"):
            obfuscate = (body.get("stream_options") or {}).get("include_obfuscation") is not False
            return self._service.stream(exchange, events(response, obfuscate=obfuscate))
        return JSONResponse(unfinished(response, "queued") if response["background"] else response)

    async def retrieve(self, request: Request) -> Response:
        """``GET /v1/responses/{id}``; a background response gets on with every look."""
        kept = self._memory.find(request.path_params["response_id"])
        if request.query_params.get("stream") == "true":
            after = request.query_params.get("starting_after", "-1")
            if not after.lstrip("-").isdecimal():
                said = f"Invalid type for 'starting_after': expected an integer, but got '{after}' instead."
                raise invalid(said, "starting_after", "invalid_type")
            kept.seen = 2
            obfuscate = request.query_params.get("include_obfuscation") != "false"
            told = events(kept.response, obfuscate=obfuscate, after=int(after))
            exchange = Exchange(request, request.url.path, {}, "")
            return self._service.stream(exchange, told)
        kept.seen += 1
        return JSONResponse(_shown(kept))

    async def delete(self, request: Request) -> Response:
        """``DELETE /v1/responses/{id}``."""
        identifier = request.path_params["response_id"]
        self._memory.forget(identifier)
        return JSONResponse({"id": identifier, "object": "response", "deleted": True})

    async def cancel(self, request: Request) -> Response:
        """``POST /v1/responses/{id}/cancel``."""
        kept = self._memory.find(request.path_params["response_id"])
        if not kept.response["background"]:
            raise invalid("Cannot cancel a synchronous response.", code=None)
        if kept.seen >= 2:
            raise invalid("Cannot cancel a completed response.", code=None)
        kept.cancelled = True
        return JSONResponse(_shown(kept))

    async def input_items(self, request: Request) -> Response:
        """``GET /v1/responses/{id}/input_items``."""
        kept = self._memory.find(request.path_params["response_id"])
        return JSONResponse(page(kept.inputs, request.query_params))


def _shown(kept: Kept) -> Mapping[str, Any]:
    if kept.cancelled:
        return unfinished(kept.response, "cancelled")
    if kept.response["background"] and kept.seen < 2:
        return unfinished(kept.response, "in_progress" if kept.seen else "queued")
    return kept.response
