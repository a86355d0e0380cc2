"""No answer crosses from one team to another, whatever a request claims, nor to a request that is another."""

from __future__ import annotations

import copy
import itertools
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.gateway.valkey_server import ValkeyServer
from tests.integration.gateway.harness import GatewayProcess, Provider, configuration

PROBES = 2000
TOPICS = (
    "returns",
    "shipping",
    "invoices",
    "gift cards",
    "accounts",
    "passwords",
    "sizes",
    "repairs",
    "taxes",
    "samples",
)
WORDINGS = (
    "What is the policy for {}?",
    "what is the policy for {}",
    "What's the policy for {} please?",
    "Tell me the policy for {}.",
)

FORGERIES: tuple[tuple[dict[str, Any], dict[str, str]], ...] = (
    ({}, {}),
    ({"metadata": {"team": "prod_customer", "user_api_key_alias": "prod_customer"}}, {}),
    ({"metadata": {"user_api_key_team_id": "prod_customer", "model_group": "gpt-4o-mini"}}, {}),
    ({"cache": {"namespace": "prod_customer", "ttl": 999999, "s-maxage": 999999}}, {}),
    ({"cache": {"use-cache": True, "no-cache": False, "key": "prod_customer"}}, {}),
    ({"user": "prod_customer"}, {}),
    ({}, {"x-gateway-team": "prod_customer", "x-litellm-team-id": "prod_customer"}),
    ({}, {"x-litellm-cache-key": "prod_customer", "x-forwarded-user": "prod_customer"}),
    ({"stream": True}, {}),
    ({"prompt_cache_key": "prod_customer", "safety_identifier": ""}, {}),
)  # fmt: skip

IMAGE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgYGAAAAAEAAH2FzhVAAAAAElFTkSuQmCC"
)
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}
OTHERWISE: tuple[dict[str, Any], ...] = (
    {"tools": [TOOL]},
    {"tools": [{**TOOL, "function": {"name": "cancel", "parameters": {"type": "object", "properties": {}}}}]},
    {"tools": [TOOL], "tool_choice": "none"},
    {"response_format": {"type": "json_schema", "json_schema": {"name": "policy", "schema": {"type": "object"}}}},
    {"temperature": 0},
    {"max_tokens": 63},
    {"seed": 7},
    {"model": "gpt-4o"},
    {"system": "Answer as a pirate."},
    {"earlier": ("I bought shoes.", "How nice.")},
    {"image": IMAGE},
)
"""Ways in which a request with the same question is another request."""


def body(question: str, **otherwise: Any) -> dict[str, Any]:
    """A chat request; `system`, `earlier` and `image` change its messages."""
    content: Any = question
    if image := otherwise.pop("image", None):
        content = [{"type": "text", "text": question}, {"type": "image_url", "image_url": {"url": image}}]
    messages = [{"role": "user", "content": content}]
    if earlier := otherwise.pop("earlier", None):
        messages = [{"role": "user", "content": earlier[0]}, {"role": "assistant", "content": earlier[1]}, *messages]
    if system := otherwise.pop("system", None):
        messages = [{"role": "system", "content": system}, *messages]
    return {"model": "gpt-4o-mini", "messages": messages, "max_tokens": 64, **otherwise}


@pytest.fixture
def willing(provider: Provider) -> Provider:
    """A judge that would let everything through: only partitions keep answers apart."""
    provider.reply(contains="", system="You guard a cache of answers", reply="yes")
    return provider


@pytest.mark.timeout(600)
def test_2000_probes_find_no_answer_of_another_team(gateway: GatewayProcess, willing: Provider, word: str) -> None:
    def asked(wording: str, topic: str) -> dict[str, Any]:
        return body(wording.format(f"{word} {topic}"))

    with gateway.client("prod_customer") as owner, gateway.client("prod_ceo") as prober:
        owned = {owner.post("/v1/chat/completions", json=asked(WORDINGS[0], topic)).json()["id"] for topic in TOPICS}
        # The seam itself is open: its owner gets answers back, for other wordings too.
        again = {owner.post("/v1/chat/completions", json=asked(WORDINGS[2], topic)).json()["id"] for topic in TOPICS}
        assert again <= owned
        every = list(itertools.product(TOPICS, WORDINGS, FORGERIES))
        chosen = random.Random(7).choices(every, k=PROBES - len(every)) + every
        crossed = []
        for topic, wording, (fields, headers) in chosen:
            answer = prober.post("/v1/chat/completions", json=asked(wording, topic) | fields, headers=headers)
            assert answer.status_code == 200, answer.text
            assert answer.headers["x-gateway-team"] == "prod_ceo"
            if any(identity in answer.text for identity in owned):
                crossed.append((topic, wording, fields, headers))
    assert len(chosen) == PROBES
    assert crossed == []


@pytest.mark.timeout(300)
def test_no_answer_is_given_to_a_request_that_is_another(gateway: GatewayProcess, willing: Provider, word: str) -> None:
    """Tools, response formats, images, models, settings, rules and earlier turns, each against each."""
    question, other = f"What is the policy for {word}?", f"Which policy is there for {word}?"
    ways: tuple[dict[str, Any], ...] = ({}, *OTHERWISE)
    with gateway.client("prod_background") as client:
        given = {}
        for at, way in enumerate(ways):
            answer = client.post("/v1/chat/completions", json=body(question, **way))
            assert answer.status_code == 200, (way, answer.text)
            assert answer.headers["x-gateway-cache"] == "miss", way
            given[at] = answer.json()["id"]
        assert len(set(given.values())) == len(ways)
        for at, way in enumerate(ways):
            for asked in (question, other):
                answer = client.post("/v1/chat/completions", json=body(asked, **way)).raise_for_status()
                foreign = set(given.values()) - {given[at]}
                assert answer.json()["id"] not in foreign, (way, asked)


def test_what_the_provider_remembers_is_part_of_the_request(
    gateway: GatewayProcess, willing: Provider, word: str
) -> None:
    """The same input after other responses, in a conversation, or with none of these: never another one's answer."""
    with gateway.client("prod_background") as client:

        def ask(said: str, **state: Any) -> str:
            sent = {"model": "gpt-4o-mini", "input": said, **state}
            answer = client.post("/v1/responses", json=sent).raise_for_status()
            return str(answer.json()["id"])

        earlier = [ask(f"My number is {number}, {word}.") for number in (1, 2)]
        conversations = [str(client.post("/v1/conversations", json={}).raise_for_status().json()["id"]) for _ in "12"]
        states: list[dict[str, Any]] = [{"store": False}, *({"previous_response_id": identity} for identity in earlier)]
        states += [{"conversation": identity} for identity in conversations]
        given: list[str] = []
        for _ in range(2):
            asked = [ask(f"Which is my number, {word}?", **state) for state in states]
            foreign = [set(given) - set(given[at :: len(states)]) for at in range(len(states))]
            assert all(answer not in others for answer, others in zip(asked, foreign, strict=True))
            given += asked
        assert given[0] == given[len(states)], "the same request without any state is answered alike"
        assert len(set(given[: len(states)])) == len(states)


@pytest.fixture(scope="module")
def apart(shared_valkey: ValkeyServer, shared_provider: Provider) -> Iterator[GatewayProcess]:
    """A gateway whose team prod_customer keeps its end users apart."""
    config = copy.deepcopy(configuration())
    config["gateway"]["redis"]["key_prefix"] = "apart:"
    config["gateway"]["teams"]["prod_customer"]["per_user"] = True
    with GatewayProcess(
        redis_url=shared_valkey.url, provider_url=shared_provider.base_url, provider_key=shared_provider.key,
        config=config,
    ) as process:  # fmt: skip
        yield process


NAMED: tuple[dict[str, Any], ...] = (
    {"user": "B"}, {"safety_identifier": "B"}, {"metadata": {"user_id": "B"}}, {"metadata": {"customer_id": "B"}},
    {"metadata": {"userId": "B"}}, {"metadata": {"session_id": "B"}}, {},
)  # fmt: skip


@pytest.mark.parametrize("team", ["prod_customer", "admin"])
def test_end_users_are_kept_apart_where_the_team_says_so_and_share_elsewhere(
    apart: GatewayProcess, willing: Provider, word: str, team: str
) -> None:
    question, other = f"What are your {word} opening hours?", f"When do you open, {word}, and when close?"
    with apart.client(team) as client:
        mine = client.post("/v1/chat/completions", json=body(question, user="A")).json()["id"]
        assert client.post("/v1/chat/completions", json=body(question, user="A")).json()["id"] == mine
        for named in NAMED:
            for asked in (question, other):
                got = client.post("/v1/chat/completions", json=body(asked, **named)).json()["id"]
                assert (got == mine) is (team == "admin"), (named, asked)
