"""What is kept of responses: retrieval, previous responses, conversations, background."""

from __future__ import annotations

from typing import Any

import httpx
import openai as package
import pytest
from openai import OpenAI
from openai.types import responses as types
from openai.types.conversations import Conversation, ConversationDeletedResource, ConversationItem, ConversationItemList

from tests.standins.openai.ask import RESPONSES, response, tool
from tests.standins.openai.exact import events, exact

CONVERSATIONS = "/v1/conversations"
NEVER = "resp_" + "0" * 48


def refused(call: Any, kind: type[package.APIStatusError]) -> Any:
    with pytest.raises(kind) as caught:
        call()
    return caught.value


def test_a_response_is_found_again_until_it_is_deleted(sdk: OpenAI) -> None:
    made = sdk.responses.create(model="gpt-4o", input="Hello", metadata={"a": "b"})
    assert sdk.responses.retrieve(made.id) == made
    sdk.responses.delete(made.id)
    gone = refused(lambda: sdk.responses.retrieve(made.id), package.NotFoundError)
    assert gone.body == {
        "message": f"Response with id '{made.id}' not found.",
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }
    refused(lambda: sdk.responses.delete(made.id), package.NotFoundError)


def test_what_was_not_stored_is_not_found(sdk: OpenAI) -> None:
    made = sdk.responses.create(model="gpt-4o", input="Hello", store=False)
    refused(lambda: sdk.responses.retrieve(made.id), package.NotFoundError)
    follow = refused(
        lambda: sdk.responses.create(model="gpt-4o", input="And?", previous_response_id=made.id),
        package.BadRequestError,
    )
    assert (follow.code, follow.param) == ("previous_response_not_found", "previous_response_id")


@pytest.mark.parametrize("name", ["retrieve", "delete", "cancel"])
def test_an_unknown_id_is_a_404(sdk: OpenAI, name: str) -> None:
    refused(lambda: getattr(sdk.responses, name)(NEVER), package.NotFoundError)
    refused(lambda: list(sdk.responses.input_items.list(NEVER)), package.NotFoundError)


def test_the_earlier_context_counts_as_input(sdk: OpenAI) -> None:
    first = sdk.responses.create(model="gpt-4o", input="Hello " * 50, instructions="Be kind")
    second = sdk.responses.create(model="gpt-4o", input="And?", previous_response_id=first.id)
    alone = sdk.responses.create(model="gpt-4o", input="And?")
    assert first.usage is not None
    assert second.usage is not None
    assert alone.usage is not None
    instructions = 2
    own = alone.usage.input_tokens
    earlier = first.usage.input_tokens - instructions + first.usage.output_tokens
    assert second.usage.input_tokens == own + earlier
    assert second.previous_response_id == first.id
    assert second.instructions is None
    assert [item.type for item in sdk.responses.input_items.list(second.id)] == ["message"]


def test_tools_are_answered_by_their_call_over_the_previous_response(sdk: OpenAI) -> None:
    tools: Any = [tool("track")]
    first = sdk.responses.create(model="gpt-5", input="track", tools=tools)
    call = first.output[-1]
    assert call.type == "function_call"
    output: Any = [{"type": "function_call_output", "call_id": call.call_id, "output": "shipped"}]
    second = sdk.responses.create(model="gpt-5", input=output, previous_response_id=first.id, tools=tools)
    assert "The tools said: shipped." in second.output_text
    unanswered = refused(
        lambda: sdk.responses.create(model="gpt-5", input="And?", previous_response_id=first.id),
        package.BadRequestError,
    )
    assert unanswered.body["message"] == f"No tool output found for function call {call.call_id}."


def test_an_item_reference_stands_for_the_item(sdk: OpenAI) -> None:
    first = sdk.responses.create(model="gpt-4o", input="Where is order 7?")
    item = next(iter(sdk.responses.input_items.list(first.id)))
    reference: Any = [{"type": "item_reference", "id": item.id}]
    assert "order 7" in sdk.responses.create(model="gpt-4o", input=reference).output_text
    reference[0]["id"] = "msg_none"
    missing = refused(lambda: sdk.responses.create(model="gpt-4o", input=reference), package.NotFoundError)
    assert missing.body["message"].startswith("Item with id 'msg_none' not found.")


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_input_items_come_in_pages(sdk: OpenAI, all_models: Any, openai_key: str, order: Any) -> None:
    given: Any = [{"role": "user", "content": f"part {at}"} for at in range(5)]
    made = sdk.responses.create(model="gpt-4o", input=given)
    texts = [item.content[0].text for item in sdk.responses.input_items.list(made.id, limit=2, order=order)]  # type: ignore[union-attr]
    wanted = [f"part {at}" for at in range(5)]
    assert texts == (wanted if order == "asc" else wanted[::-1])
    path = f"{all_models.url}{RESPONSES}/{made.id}/input_items"
    headers = {"authorization": f"Bearer {openai_key}"}
    page = httpx.get(path, headers=headers, params={"limit": 2}).json()
    assert exact(types.ResponseItemList, page).has_more is True
    for query in ({"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"order": "up"}, {"after": "msg_none"}):
        assert httpx.get(path, headers=headers, params=query).status_code == 400, query


def test_a_background_response_gets_on_by_polling(sdk: OpenAI) -> None:
    made = sdk.responses.create(model="gpt-4o", input="Hello", background=True)
    assert (made.status, made.output, made.usage) == ("queued", [], None)
    looks = [sdk.responses.retrieve(made.id) for _ in range(3)]
    assert [look.status for look in looks] == ["in_progress", "completed", "completed"]
    assert looks[-1].usage is not None
    assert refused(lambda: sdk.responses.cancel(made.id), package.BadRequestError)


def test_a_background_response_can_be_cancelled_and_another_cannot(sdk: OpenAI) -> None:
    made = sdk.responses.create(model="gpt-4o", input="Hello", background=True)
    assert sdk.responses.cancel(made.id).status == "cancelled"
    assert sdk.responses.cancel(made.id).status == "cancelled"
    assert sdk.responses.retrieve(made.id).status == "cancelled"
    assert sdk.responses.retrieve(made.id).status == "cancelled"
    plain = sdk.responses.create(model="gpt-4o", input="Hello")
    said = refused(lambda: sdk.responses.cancel(plain.id), package.BadRequestError)
    assert said.body["message"] == "Cannot cancel a synchronous response."


def test_a_background_stream_begins_in_the_queue_and_can_be_taken_up_again(openai: httpx.Client) -> None:
    told = events(openai.post(RESPONSES, json=response("Hello", background=True, stream=True)))
    assert [event.type for event in told[:3]] == ["response.created", "response.queued", "response.in_progress"]
    assert [event.response.status for event in told[:3]] == ["queued", "queued", "in_progress"]
    identifier = told[-1].response.id
    path = f"{RESPONSES}/{identifier}"
    again = events(openai.get(path, params={"stream": "true"}))
    assert again == told
    rest = events(openai.get(path, params={"stream": "true", "starting_after": 4}))
    assert rest == told[5:]
    assert openai.get(path, params={"stream": "true", "starting_after": "x"}).status_code == 400


def test_a_conversation_keeps_what_was_said(sdk: OpenAI) -> None:
    opening: Any = [{"role": "developer", "content": "Be kind"}]
    conversation = sdk.conversations.create(items=opening, metadata={"topic": "demo"})
    first = sdk.responses.create(model="gpt-4o", input="Hello", conversation=conversation.id)
    assert first.conversation is not None
    assert first.conversation.id == conversation.id
    second = sdk.responses.create(model="gpt-4o", input="And?", conversation={"id": conversation.id})
    assert first.usage is not None
    assert second.usage is not None
    assert second.usage.input_tokens > first.usage.input_tokens + first.usage.output_tokens
    items = list(sdk.conversations.items.list(conversation.id, order="asc"))
    assert [getattr(item, "role", None) for item in items] == ["developer", "user", "assistant", "user", "assistant"]


def test_conversations_are_made_changed_and_deleted(openai: httpx.Client) -> None:
    made = exact(Conversation, openai.post(CONVERSATIONS, json={"metadata": {"a": "b"}}).json())
    path = f"{CONVERSATIONS}/{made.id}"
    assert exact(Conversation, openai.get(path).json()) == made
    assert exact(Conversation, openai.post(path, json={"metadata": {"c": "d"}}).json()).metadata == {"c": "d"}
    items = [{"role": "user", "content": f"part {at}"} for at in range(20)]
    added = exact(ConversationItemList, openai.post(f"{path}/items", json={"items": items}).json())
    assert len(added.data) == 20
    one = f"{path}/items/{added.first_id}"
    exact(ConversationItem, openai.get(one).json())
    assert exact(Conversation, openai.delete(one).json()).id == made.id
    assert openai.get(one).status_code == 404
    listed = exact(ConversationItemList, openai.get(f"{path}/items", params={"limit": 100}).json())
    assert len(listed.data) == 19
    assert exact(ConversationDeletedResource, openai.delete(path).json()).deleted is True
    for method, where in (("GET", path), ("DELETE", path), ("GET", f"{path}/items")):
        answer = openai.request(method, where)
        assert answer.status_code == 404
        assert answer.json()["error"]["message"] == f"Conversation with id '{made.id}' not found."
    assert openai.post(RESPONSES, json=response("Hello", conversation=made.id)).status_code == 404


def test_a_conversation_can_be_made_of_nothing(openai: httpx.Client) -> None:
    assert exact(Conversation, openai.post(CONVERSATIONS).json()).metadata == {}


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("", {"items": [{"role": "boss", "content": "x"}]}, "items[0].role"),
        ("", {"name": "x"}, "name"),
        ("", {"items": [{"role": "user", "content": "x"}] * 21}, "items"),
        ("", {"metadata": {"k": "v" * 513}}, "metadata.k"),
        ("/{id}", {}, "metadata"),
        ("/{id}/items", {}, "items"),
    ],
)
def test_what_a_conversation_does_not_take(openai: httpx.Client, path: str, body: dict[str, Any], param: str) -> None:
    made = openai.post(CONVERSATIONS, json={}).json()
    answer = openai.post(CONVERSATIONS + path.format(**made), json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


def test_truncation_drops_the_oldest_where_it_may(openai: httpx.Client) -> None:
    given = [{"role": "user", "content": "x" * 400_000}, {"role": "user", "content": "y" * 400_000}]
    refusal = openai.post(RESPONSES, json=response(given))
    assert refusal.json()["error"]["code"] == "context_length_exceeded"
    assert refusal.json()["error"]["param"] == "input"
    cut = openai.post(RESPONSES, json=response(given, truncation="auto")).json()
    assert cut["usage"]["input_tokens"] < 128_000
    assert cut["truncation"] == "auto"
