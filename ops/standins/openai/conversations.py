"""``/v1/conversations``."""

from __future__ import annotations

import time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ops.standins.openai import items, response_rules, rules
from ops.standins.openai.errors import ApiError, unknown
from ops.standins.openai.items import Item
from ops.standins.openai.memory import Conversation, Memory
from ops.standins.openai.paging import page
from ops.standins.openai.schema import load
from ops.standins.openai.wire import json_body

PATH = "/v1/conversations"
ITEMS_AT_ONCE = 20


class Conversations:
    """The endpoints."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def _of(self, request: Request) -> Conversation:
        return self._memory.conversation(request.path_params["conversation_id"])

    async def create(self, request: Request) -> Response:
        """``POST /v1/conversations``."""
        body = await json_body(request) if await request.body() else {}
        _check("conversations", body)
        given = body.get("items") or []
        made = Conversation(items.new_id("conv"), int(time.time()), body.get("metadata") or {}, _stored(given))
        self._memory.conversations[made.id] = made
        return JSONResponse(made.object())

    async def retrieve(self, request: Request) -> Response:
        """``GET /v1/conversations/{id}``."""
        return JSONResponse(self._of(request).object())

    async def update(self, request: Request) -> Response:
        """``POST /v1/conversations/{id}``."""
        body = await json_body(request)
        _check("conversation_update", body)
        found = self._of(request)
        found.metadata = body["metadata"] or {}
        return JSONResponse(found.object())

    async def delete(self, request: Request) -> Response:
        """``DELETE /v1/conversations/{id}``."""
        found = self._of(request)
        del self._memory.conversations[found.id]
        return JSONResponse({"id": found.id, "object": "conversation.deleted", "deleted": True})

    async def list_items(self, request: Request) -> Response:
        """``GET /v1/conversations/{id}/items``."""
        return JSONResponse(page(self._of(request).items, request.query_params))

    async def create_items(self, request: Request) -> Response:
        """``POST /v1/conversations/{id}/items``."""
        body = await json_body(request)
        _check("conversation_items", body)
        found = self._of(request)
        made = _stored(body["items"])
        found.items += made
        return JSONResponse(page(made, {"order": "asc", "limit": "100"}))

    def _item(self, request: Request) -> tuple[Conversation, Item]:
        found = self._of(request)
        identifier = request.path_params["item_id"]
        for item in found.items:
            if item["id"] == identifier:
                return found, item
        raise ApiError(404, f"Conversation item with id '{identifier}' not found.")

    async def retrieve_item(self, request: Request) -> Response:
        """``GET /v1/conversations/{id}/items/{item_id}``."""
        return JSONResponse(self._item(request)[1])

    async def delete_item(self, request: Request) -> Response:
        """``DELETE /v1/conversations/{id}/items/{item_id}``."""
        found, item = self._item(request)
        found.items.remove(item)
        return JSONResponse(found.object())


def _check(endpoint: str, body: dict[str, object]) -> None:
    contract = load(endpoint)
    if extra := contract.unknown(body):
        raise unknown(extra[0])
    contract.check(body)
    rules.metadata(body)


def _stored(given: list[Item]) -> list[Item]:
    rules.few(given, "items", ITEMS_AT_ONCE)
    response_rules.items(given, "items")
    return [items.stored(item) for item in given]
