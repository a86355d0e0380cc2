"""Keys that are none, through the edge; and requests of one team that would like to be another's.

How keys are compared is tested in `tests/gateway/test_teams.py`; that 2,000 forged requests find no answer of another
team in `tests/integration/gateway/test_isolation.py`, and no id of another's in `test_wall.py` there.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.attacks.stand import Stand, head
from tests.attacks.wire import Answer, exchange
from tests.gateway.scripted_upstream import Asked

OWNER, STRANGER = "prod_customer", "prod_ceo"
NO_KEYS: dict[str, Callable[[str], tuple[str, ...]]] = {
    "none": lambda key: (),
    "empty": lambda key: ("Authorization:",),
    "a scheme alone": lambda key: ("Authorization: Bearer",),
    "an empty key": lambda key: ("Authorization: Bearer  ",),
    "no scheme": lambda key: (f"Authorization: {key}",),
    "another scheme": lambda key: (f"Authorization: Basic {key}",),
    "two schemes": lambda key: (f"Authorization: Bearer Bearer {key}",),
    "a tab": lambda key: (f"Authorization: Bearer\t{key}",),
    "in quotes": lambda key: (f'Authorization: Bearer "{key}"',),
    "all but the last letter": lambda key: (f"Authorization: Bearer {key[:-1]}",),
    "all but the first": lambda key: (f"Authorization: Bearer {key[1:]}",),
    "one letter more": lambda key: (f"Authorization: Bearer {key}x",),
    "twice": lambda key: (f"Authorization: Bearer {key}{key}",),
    "the other case": lambda key: (f"Authorization: Bearer {key.swapcase()}",),
    "in two parts": lambda key: (f"Authorization: Bearer {key[:9]} {key[9:]}",),
    "with another behind": lambda key: (f"Authorization: Bearer {key}, Bearer sk-other",),
    "two lines": lambda key: (f"Authorization: Bearer {key}", "Authorization: Bearer sk-other"),
    "two lines, the other first": lambda key: ("Authorization: Bearer sk-other", f"Authorization: Bearer {key}"),
    "the same in two lines": lambda key: (f"Authorization: Bearer {key}",) * 2,
    "letters beyond ASCII": lambda key: (f"Authorization: Bearer {key}\xe4",),
    "bytes that are no text": lambda key: ("Authorization: Bearer \xff\xfe\x80",),
    "a very long one": lambda key: (f"Authorization: Bearer {key * 500}",),
    "a star": lambda key: ("Authorization: Bearer *",),
    "null": lambda key: ("Authorization: Bearer null",),
    "a query in SQL": lambda key: ("Authorization: Bearer ' OR '1'='1",),
    "a format": lambda key: ("Authorization: Bearer %s%n{0}${key}",),
    "in another header": lambda key: (f"X-Api-Key: {key}", f"Api-Key: {key}", f"OpenAI-Key: {key}"),
    "for a proxy": lambda key: (f"Proxy-Authorization: Bearer {key}",),
    "in a cookie": lambda key: (f"Cookie: Authorization=Bearer {key}",),
    "named by Connection": lambda key: (f"Authorization: Bearer {key}", "Connection: Authorization"),
}
STEERING: tuple[dict[str, Any], ...] = (
    {"api_base": "http://127.0.0.1:9"}, {"base_url": "http://127.0.0.1:9"}, {"api_key": "sk-other"},
    {"organization": "x"},
    {"mock_response": "free"}, {"mock_timeout": True}, {"litellm_params": {"api_base": "http://127.0.0.1:9"}},
    {"litellm_metadata": {"user_api_key_team_id": OWNER}}, {"litellm_call_id": "1"}, {"litellm_session_id": OWNER},
    {"custom_llm_provider": "bedrock"}, {"deployment_id": "x"}, {"model_info": {"id": "x"}}, {"caching": True},
    {"cache_key": OWNER}, {"namespace": OWNER}, {"ttl": 99}, {"team": OWNER},
    {"team_id": OWNER}, {"user_api_key": "x"}, {"user_api_key_alias": OWNER}, {"tags": [OWNER]},
    {"fallbacks": ["gpt-4o"]},
    {"context_window_fallback_dict": {}}, {"num_retries": 99}, {"max_retries": 99}, {"timeout": 9999},
    {"request_timeout": 9999}, {"headers": {"Authorization": "Bearer x"}}, {"extra_headers": {"X-Test": "steered"}},
    {"extra_body": {"store": True}}, {"extra_query": {"a": "b"}}, {"default_headers": {"X-Test": "steered"}},
    {"client": "x"}, {"logger_fn": "x"}, {"callbacks": ["x"]}, {"success_callback": ["x"]}, {"no-log": True},
    {"proxy_server_request": {}}, {"preset_cache_key": OWNER}, {"input_cost_per_token": 0},
    {"output_cost_per_token": 0},
    {"drop_params": True}, {"allowed_openai_params": ["x"]}, {"api_version": "x"}, {"region_name": "x"},
    {"hf_model_name": "x"},
    {"prompt_id": "x"}, {"guardrails": []}, {"_comment": "x"}, {"__class__": "x"}, {"constructor": {"prototype": {}}},
)  # fmt: skip
CLAIMS: tuple[tuple[dict[str, Any], tuple[str, ...]], ...] = (
    ({"cache": {"namespace": OWNER, "key": OWNER, "ttl": 99999, "s-maxage": 99999}}, ()),
    ({"user": OWNER}, ()),
    ({"metadata": {"team": OWNER, "user_api_key_team_id": OWNER, "cache": OWNER}}, ()),
    ({"prompt_cache_key": OWNER}, ()),
    ({"safety_identifier": OWNER}, ()),
    ({}, (f"X-Gateway-Team: {OWNER}", f"X-Litellm-Team-Id: {OWNER}", f"X-Litellm-Cache-Key: {OWNER}")),
    ({}, ("X-Litellm-Api-Key: {key}", "X-Api-Key: {key}", "Api-Key: {key}")),
    ({}, (f"OpenAI-Organization: {OWNER}", f"OpenAI-Project: {OWNER}", "OpenAI-Beta: x")),
    ({}, ("Cache-Control: only-if-cached", "Cache-Control: max-stale=99999")),
    ({}, ("Cookie: team=prod_customer", "X-Forwarded-User: prod_customer", "X-User: prod_customer")),
    ({}, ("Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", f"Baggage: team={OWNER}")),
)


def post(stand: Stand, body: Any, *headers: str) -> Answer:
    raw = json.dumps(body).encode()
    asked = head("POST", "/v1/chat/completions", *headers, f"Content-Length: {len(raw)}") + raw
    (answer,) = exchange(stand.edge_port, asked, until=1).answers
    return answer


def question(words: str, **fields: Any) -> dict[str, Any]:
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": words}], **fields}


@pytest.mark.parametrize("name", NO_KEYS)
def test_what_is_no_key_opens_nothing(attacked: Stand, name: str) -> None:
    attacked.upstream.asked.clear()
    headers = NO_KEYS[name](attacked.key(OWNER))
    answer = post(attacked, question("whose key is this?"), *headers)
    assert answer.status == 401
    error = answer.json()["error"]
    assert (error["type"], error["code"]) == ("invalid_request_error", "invalid_api_key")
    assert attacked.key(OWNER) not in answer.body.decode()
    assert attacked.upstream.asked == []


def calls(stand: Stand) -> list[Asked]:
    return [asked for asked in stand.upstream.asked if asked.path.endswith("/chat/completions")]


def test_no_field_steers_the_call_to_the_provider(attacked: Stand) -> None:
    """G22: each is refused by its name, for it would be dropped in silence or, worse, heeded."""
    attacked.upstream.asked.clear()
    key = f"Authorization: Bearer {attacked.key()}"
    wrong = {}
    for fields in STEERING:
        answer = post(attacked, question("steer", **fields), key)
        if answer.status not in (400, 429) or (answer.status == 400 and answer.json()["error"]["param"] not in fields):
            wrong[str(fields)] = answer
    assert wrong == {}
    assert calls(attacked) == []


def test_no_claim_brings_a_team_another_ones_answer(attacked: Stand) -> None:
    """And none goes on to the provider that would tell it of another client than ours."""
    theirs = f"Authorization: Bearer {attacked.key(OWNER)}"
    mine = f"Authorization: Bearer {attacked.key(STRANGER)}"
    for number, (fields, headers) in enumerate(CLAIMS):
        words = f"question {number} of attacks"
        kept = post(attacked, question(words), theirs)
        assert post(attacked, question(words), theirs).headers["x-gateway-cache"] == "exact"
        attacked.upstream.asked.clear()
        claimed = [header.format(key=attacked.key(OWNER)) for header in headers]
        answer = post(attacked, question(words, **fields), mine, *claimed)
        assert answer.status == 200
        assert answer.headers["x-gateway-team"] == STRANGER
        assert answer.json()["id"] != kept.json()["id"]
        (asked,) = calls(attacked)
        assert asked.headers["authorization"] == "Bearer sk-arranged"
        sent = json.dumps(dict(asked.headers))
        assert OWNER not in sent
        assert attacked.key(OWNER) not in sent
