"""What a request names of the provider's own store: every way by which an id can be read there."""

from __future__ import annotations

from typing import Any

import pytest
from llm_gateway.api.errors import BadRequest
from llm_gateway.api.references import in_request
from llm_gateway.api.request import Offer, ReferenceKind, Request
from llm_gateway.api.responses_request import read

OFFER = Offer(("mini",), "mini", 100, ("web_search", "file_search", "code_interpreter", "image_generation"))
FILE = {"type": "input_image", "file_id": "file-1"}


def reading(**sent: Any) -> Request:
    return read({"input": "hi", **sent}, OFFER)


def named(**sent: Any) -> list[tuple[ReferenceKind, str, str]]:
    return [(each.kind, each.id, each.param) for each in reading(**sent).references]


@pytest.mark.parametrize(
    ("sent", "kind", "param"),
    [
        ({"previous_response_id": "x"}, "response", "previous_response_id"),
        ({"conversation": "x"}, "conversation", "conversation"),
        ({"conversation": {"id": "x"}}, "conversation", "conversation"),
        ({"prompt": {"id": "x"}}, "prompt", "prompt.id"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "item", "input[0].id"),
        ({"input": [{"type": None, "id": "x"}]}, "item", "input[0].id"),
        ({"input": [{"id": "x"}]}, "item", "input[0].id"),
        ({"input": [{"type": "message", "id": "x"}]}, "item", "input[0].id"),
        ({"input": [{"type": "function_call", "id": "x"}]}, "item", "input[0].id"),
        ({"input": [{"type": "item_reference", "id": "x", "status": "completed"}]}, "item", "input[0].id"),
        ({"input": [{"type": "reasoning", "id": "x", "summary": []}]}, "item", "input[0].id"),
        (
            {"input": [{"type": "reasoning", "id": "x", "summary": [], "encrypted_content": ""}]},
            "item", "input[0].id",
        ),
        ({"input": [{"type": "image_generation_call", "id": "x", "result": None}]}, "item", "input[0].id"),
        ({"input": [{"type": "code_interpreter_call", "id": "x", "code": ""}]}, "item", "input[0].id"),
        ({"input": [{"type": "of a kind to come", "id": "x", "content": "y"}]}, "item", "input[0].id"),
        (
            {"input": [{"type": "mcp_approval_response", "approval_request_id": "x", "approve": True}]},
            "item", "input[0].approval_request_id",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "x"}]}]},
            "file", "input[0].content[0].file_id",
        ),
        (
            {"input": [{"type": "function_call_output", "output": [{"type": "input_image", "file_id": "x"}]}]},
            "file", "input[0].content[0].file_id",
        ),
        (
            {"input": [{"type": "computer_call_output", "call_id": "c", "output": {"type": "x", "file_id": "x"}}]},
            "file", "input[0].content[0].file_id",
        ),
        ({"tools": [{"type": "file_search", "vector_store_ids": ["x"]}]}, "file", "tools[0].vector_store_ids[0]"),
        ({"tools": [{"type": "code_interpreter", "container": "x"}]}, "file", "tools[0].container"),
        (
            {"tools": [{"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["x"]}}]},
            "file", "tools[0].container.file_ids[0]",
        ),
        (
            {"tools": [{"type": "image_generation", "input_image_mask": {"file_id": "x"}}]},
            "file", "tools[0].input_image_mask.file_id",
        ),
    ],
)  # fmt: skip
def test_an_id_is_found_wherever_it_is_named(sent: dict[str, Any], kind: ReferenceKind, param: str) -> None:
    assert named(**sent) == [(kind, "x", param)]
    assert reading(**sent).stateful  # So no cache answers for it.


def test_files_in_a_prompts_variables_are_named_too() -> None:
    assert named(prompt={"id": "p", "variables": {"who": "ann", "picture": FILE}}) == [
        ("prompt", "p", "prompt.id"), ("file", "file-1", "prompt.variables.picture.file_id"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "sent",
    [
        {"input": [{"type": "message", "role": "assistant", "id": "msg_1", "content": "said before"}]},
        {"input": [{"role": "assistant", "id": "msg_1", "content": "said before"}]},
        {"input": [{"type": "function_call", "id": "fc_1", "call_id": "c", "name": "look", "arguments": "{}"}]},
        {"input": [{"type": "function_call_output", "id": "fco_1", "call_id": "c", "output": "found"}]},
        {"input": [{"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"}]},
        {
            "tools": [
                {"type": "function", "name": "look", "parameters": {"properties": {"file_id": {"type": "string"}}}}
            ]
        },
    ],
)
def test_what_travels_in_the_request_names_nothing(sent: dict[str, Any]) -> None:
    assert named(**sent) == []


@pytest.mark.parametrize("conversation", [5, {}, {"id": 5}, []])
def test_a_conversation_without_an_id_is_a_mistake(conversation: Any) -> None:
    with pytest.raises(BadRequest) as refused:
        list(in_request({"conversation": conversation}, None))
    assert refused.value.param == "conversation"


@pytest.mark.parametrize("name", ["previous_response_id", "conversation"])
def test_an_empty_id_is_an_id_that_nobody_has(name: str) -> None:
    assert [reference.id for reference in reading(**{name: ""}).references] == [""]
