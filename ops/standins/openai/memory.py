"""What OpenAI keeps between requests: responses with their context, conversations, single items."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ops.standins.openai.errors import ApiError, invalid, no_object
from ops.standins.openai.items import Item

KEPT_RESPONSES = 20_000


@dataclass
class Kept:
    """A response as it ended, what was put in, and what the next one will have read.

    ``seen`` counts how often a background response was looked at: it is queued, then in progress, then done.
    """

    response: dict[str, Any]
    inputs: list[Item]
    context: list[Item]
    seen: int = 0
    cancelled: bool = False


@dataclass
class Conversation:
    """A conversation and its items, oldest first."""

    id: str
    created_at: int
    metadata: dict[str, str]
    items: list[Item] = field(default_factory=list)

    def object(self) -> dict[str, Any]:
        """OpenAI's conversation object."""
        return {
            "id": self.id,
            "object": "conversation",
            "created_at": self.created_at,
            "metadata": self.metadata,
        }


class Memory:
    """Everything kept, in memory, the oldest responses forgotten beyond ``KEPT_RESPONSES``."""

    def __init__(self) -> None:
        self._responses: dict[str, Kept] = {}
        self._items: dict[str, Item] = {}
        self.conversations: dict[str, Conversation] = {}

    def keep(self, kept: Kept) -> None:
        """Keep a response."""
        self._responses[kept.response["id"]] = kept
        for item in (*kept.inputs, *kept.response["output"]):
            self._items[item["id"]] = item
        while len(self._responses) > KEPT_RESPONSES:
            self.forget(next(iter(self._responses)))

    def find(self, identifier: str) -> Kept:
        """A kept response. Raises ApiError when there is none of that id."""
        if (kept := self._responses.get(identifier)) is None:
            raise no_object("Response", identifier)
        return kept

    def forget(self, identifier: str) -> None:
        """Drop a response. Raises ApiError when there is none of that id."""
        kept = self.find(identifier)
        for item in (*kept.inputs, *kept.response["output"]):
            self._items.pop(item["id"], None)
        del self._responses[identifier]

    def previous(self, identifier: str) -> Kept:
        """The response that another one follows. Raises ApiError when there is none of that id."""
        if (kept := self._responses.get(identifier)) is None:
            said = f"Previous response with id '{identifier}' not found."
            raise invalid(said, "previous_response_id", "previous_response_not_found")
        return kept

    def conversation(self, identifier: str) -> Conversation:
        """A conversation. Raises ApiError when there is none of that id."""
        if (found := self.conversations.get(identifier)) is None:
            raise no_object("Conversation", identifier)
        return found

    def item(self, identifier: str) -> Item:
        """An item that a response kept. Raises ApiError when there is none of that id."""
        if (found := self._items.get(identifier)) is None:
            said = (
                f"Item with id '{identifier}' not found. Items are not persisted when `store` is set to false. "
                "Try again with `store` set to true, or remove this item from your input."
            )
            raise ApiError(404, said, param="input")
        return found
