"""Which requests share an answer, and which must not."""

from __future__ import annotations

from typing import Any

import pytest
from llm_gateway.cache.keys import PERSONS, SESSIONS, Controls, controls, exact_key, partition

ASK = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "What is the return policy?"}]}


def key(body: dict[str, Any], *, team: str = "a", model: str = "gpt-4o-mini", per_user: bool = False) -> str:
    found = exact_key(body, team=team, model=model, per_user=per_user)
    assert found is not None
    return found.digest


@pytest.mark.parametrize(
    "same",
    [
        dict(reversed(ASK.items())),
        ASK | {"stream": True, "stream_options": {"include_usage": True}},
        ASK | {"metadata": {"trace": "7"}, "cache": {"ttl": 5, "namespace": "mine"}, "no-log": True},
        ASK | {"temperature": 1.0, "n": 1, "tools": [], "stop": None},
        ASK | {"messages": [{"content": "What is the return policy?", "role": "user", "name": None}]},
        ASK | {"messages": [{"role": "user", "content": [{"type": "text", "text": "What is the return policy?"}]}]},
    ],
)
def test_order_transport_and_defaults_do_not_change_the_key(same: dict[str, Any]) -> None:
    assert key(same) == key(ASK)


@pytest.mark.parametrize(
    "other",
    [
        ASK | {"temperature": 0},
        ASK | {"max_tokens": 5},
        ASK | {"tools": [{"type": "function", "function": {"name": "f"}}]},
        ASK | {"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]},
        ASK | {"response_format": {"type": "json_object"}},
        ASK | {"previous_response_id": "resp_1"},
        ASK | {"prompt": {"id": "pmpt_1", "version": "2"}},
        ASK | {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
        ASK | {"seed": 0},
        ASK | {"a_field_of_tomorrow": True},
        ASK | {"messages": [{"role": "system", "content": "x"}, *ASK["messages"]]},
        ASK | {"messages": [{"role": "user", "content": "What is the return policy? "}]},
        ASK | {"messages": [{"role": "user", "content": "What is the return policy?", "name": "Bo"}]},
    ],
)
def test_whatever_can_change_the_answer_changes_the_key(other: dict[str, Any]) -> None:
    assert key(other) != key(ASK)


@pytest.mark.parametrize(
    ("named", "separates"),
    [
        ({"user": "u1"}, True),
        ({"safety_identifier": "u1"}, True),
        *(({"metadata": {name: "u1"}}, True) for name in (*PERSONS, *SESSIONS)),
        # A hint for OpenAI's own cache of prompts, and labels of the client's book-keeping: no persons.
        ({"prompt_cache_key": "u1"}, False),
        ({"metadata": {"trace": "7", "tags": "a"}}, False),
        ({"metadata": "u1"}, False),
    ],
    ids=str,
)
def test_who_asks_separates_only_where_the_team_keeps_its_end_users_apart(
    named: dict[str, Any], separates: bool
) -> None:
    assert key(ASK | named) == key(ASK)
    assert (key(ASK | named, per_user=True) != key(ASK, per_user=True)) is separates
    shared = [partition(body, team="a", model="m") for body in (ASK | named, ASK)]
    apart = [partition(body, team="a", model="m", per_user=True) for body in (ASK | named, ASK)]
    assert shared[0]
    assert shared[1]
    assert shared[0].key == shared[1].key
    assert (shared[0].end_user != shared[1].end_user) is separates
    assert apart[0]
    assert apart[1]
    assert (apart[0].key != apart[1].key) is separates


def test_a_session_counts_only_where_no_person_is_named() -> None:
    one, two = ({"metadata": {"session_id": session}} for session in ("s1", "s2"))
    assert key(ASK | one, per_user=True) != key(ASK | two, per_user=True)
    assert key(ASK | one | {"user": "u1"}, per_user=True) == key(ASK | two | {"user": "u1"}, per_user=True)


def test_a_request_of_a_growing_conversation_is_never_the_same_twice() -> None:
    assert exact_key(ASK | {"conversation": "conv_1"}, team="a", model="m") is None


def test_a_response_is_keyed_by_its_input_and_by_all_the_provider_knows_besides() -> None:
    body = {"input": "What is the return policy?", "instructions": "Be brief."}
    others: list[dict[str, Any]] = [
        {"input": "What is the return policy?"},
        body | {"input": "Hello"},
        body | {"previous_response_id": "resp_1"},
        body | {"previous_response_id": "resp_2"},
        body | {"prompt": {"id": "pmpt_1"}},
        body | {"prompt": {"id": "pmpt_1", "variables": {"city": "Oslo"}}},
        body | {"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]},
        body | {"tools": [{"type": "file_search", "vector_store_ids": ["vs_2"]}]},
        body | {"store": False},
        ASK,
    ]
    assert len({key(each) for each in (body, *others)}) == len(others) + 1
    listed = body | {"input": [{"role": "user", "content": [{"type": "input_text", "text": body["input"]}]}]}
    assert key(listed) == key(body) == key(body | {"store": True})
    part = partition(body, team="a", model="m")
    assert part
    assert part.question == body["input"]
    chat = partition(ASK, team="a", model="m")
    assert chat
    assert part.key != chat.key


def test_team_and_answering_model_are_part_of_every_key() -> None:
    assert len({key(ASK), key(ASK, team="b"), key(ASK, model="gpt-4o")}) == 3
    parts = [partition(ASK, team=team, model=model) for team, model in [("a", "m"), ("b", "m"), ("a", "n")]]
    assert len({part.key for part in parts if part}) == 3


def test_a_forged_team_in_the_body_stays_in_the_callers_team() -> None:
    forged = ASK | {"metadata": {"user_api_key_team_id": "b", "team": "b"}, "team": "b", "cache": {"namespace": "b"}}
    assert exact_key(forged, team="a", model="m") != exact_key(ASK, team="b", model="m")
    part, other = partition(forged, team="a", model="m"), partition(ASK, team="b", model="m")
    assert part
    assert other
    assert part.team == "a"
    assert part.key != other.key


@pytest.mark.parametrize(
    "body", [{}, {"messages": []}, {"messages": "hi"}, {"messages": ["hi"]}, ASK | {"seed": float("nan")}]
)
def test_what_is_no_proper_request_has_no_key(body: dict[str, Any]) -> None:
    assert exact_key(body, team="a", model="m") is None
    assert partition(body, team="a", model="m") is None


@pytest.mark.parametrize(
    "body",
    [
        ASK | {"tools": [{"type": "function", "function": {"name": "f"}}]},
        ASK | {"n": 2},
        ASK | {"messages": [*ASK["messages"], {"role": "assistant", "content": "30 days."}]},
        ASK | {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
        ASK | {"messages": [{"role": "tool", "content": "x", "tool_call_id": "1"}, *ASK["messages"]]},
        ASK | {"messages": [{"role": "user", "content": " \n"}]},
        ASK | {"modalities": ["audio"]},
        ASK | {"previous_response_id": "resp_1"},
        ASK | {"conversation": "conv_1"},
        ASK | {"prompt": {"id": "pmpt_1"}},
        ASK | {"web_search_options": {"search_context_size": "low"}},
    ],
)
def test_only_plain_text_questions_have_a_partition(body: dict[str, Any]) -> None:
    assert partition(body, team="a", model="m") is None


def test_the_last_question_is_not_part_of_the_partition_and_all_else_is() -> None:
    def part(*messages: tuple[str, str], **more: Any) -> tuple[str, str]:
        body = {"messages": [{"role": role, "content": text} for role, text in messages], **more}
        found = partition(body, team="a", model="m")
        assert found is not None
        return found.key, found.history_key

    plain = part(("user", "x"))
    assert part(("user", "y")) == plain
    assert part(("system", "s"), ("user", "x"))[0] != plain[0]
    assert part(("system", "s"), ("user", "x"))[0] == part(("developer", "s"), ("user", "x"))[0]
    assert part(("user", "x"), temperature=0)[0] != plain[0]
    assert part(("user", "x"), user="u1") == plain
    earlier = part(("user", "hi"), ("assistant", "hello"), ("user", "x"))
    assert earlier[0] == plain[0]
    assert earlier[1] != plain[1]
    assert part(("user", "hi"), ("assistant", "hallo"), ("user", "x"))[1] != earlier[1]
    assert (
        part(("user", "hi"), ("system", "s"), ("user", "x"))[0]
        != part(("system", "s"), ("user", "hi"), ("user", "x"))[0]
    )


def test_a_first_question_has_no_history() -> None:
    body = {"messages": [{"role": "system", "content": "s"}, *ASK["messages"]]}
    found = partition(body, team="a", model="m")
    assert found is not None
    assert found.history == ()
    assert found.history_key == ""
    assert found.question == "What is the return policy?"


def test_a_client_may_only_shorten_or_skip() -> None:
    assert controls({}) == Controls() == controls({"cache": "no-cache"})
    assert controls({"cache": {"no-cache": True, "no-store": True, "ttl": 7.9}}) == Controls(True, True, 7)
    assert controls({"cache": {"ttl": -1, "s-maxage": 5, "namespace": "x", "no-cache": "yes"}}) == Controls()
    assert controls({"cache": {"ttl": True}}) == controls({"cache": {"ttl": float("inf")}}) == Controls()
