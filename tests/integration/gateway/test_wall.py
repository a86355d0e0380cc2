"""Nothing that the provider keeps is reached by another team than the one that made it.

Every id of another team, in every place and route where an id can be named, written in every way that might be taken
for it: 404, like an id that never was, to the byte; and the provider is not asked.
"""

from __future__ import annotations

import copy
import itertools
import json
import re
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.gateway.scripted_upstream import Asked, ScriptedUpstream, Told, told
from tests.gateway.valkey_server import ValkeyServer
from tests.integration.gateway.asking import Heard, Question, ask_all
from tests.integration.gateway.harness import GatewayProcess, configuration

OWNER, STRANGER = "prod_customer", "prod_ceo"
PROBES = 2000


def an_id() -> str:
    return f"id_{secrets.token_hex(16)}"


class Kept:
    """What the owner has at the provider, by kind; `mine` is the stranger's own."""

    def __init__(self) -> None:
        self.made = {name: an_id() for name in ("response", "message", "reasoning", "conversation", "entry")}
        self.given = {name: an_id() for name in ("file", "vector store", "prompt", "container")}
        self.mine = {name: an_id() for name in ("conversation", "prompt")}

    @property
    def ids(self) -> list[str]:
        return [*self.made.values(), *self.given.values()]


@pytest.fixture(scope="module")
def kept() -> Kept:
    return Kept()


@pytest.fixture(scope="module")
def walled(shared_valkey: ValkeyServer, shared_upstream: ScriptedUpstream, kept: Kept) -> Iterator[GatewayProcess]:
    """A gateway that offers hosted tools too, so that their ids come before the wall."""
    config = copy.deepcopy(configuration())
    del config["gateway"]["cache"]["semantic"]
    # However busy the machine: a lookup that times out is 503, which says nothing about the wall.
    config["gateway"]["redis"] |= {"key_prefix": "walled:", "socket_timeout_s": 10}
    config["gateway"]["hosted_tools"] = {"file_search": 0.01, "code_interpreter": 0.01, "image_generation": 0.01}
    config["gateway"]["teams"][OWNER]["provider_ids"] = list(kept.given.values())
    config["gateway"]["teams"][STRANGER]["provider_ids"] = [kept.mine["prompt"]]
    with GatewayProcess(
        redis_url=shared_valkey.url, provider_url=shared_upstream.base_url, provider_key="sk-arranged", config=config
    ) as process:
        made = {OWNER: kept.made, STRANGER: kept.mine}
        for team, ids in made.items():
            shared_upstream.script = lambda asked, ids=ids: provider(asked, ids)  # type: ignore[misc]
            asking = [Question("/v1/conversations", {})]
            if "response" in ids:
                asking += [
                    Question("/v1/responses", {"input": "keep this"}),
                    Question(f"/v1/conversations/{ids['conversation']}/items", method="GET"),
                ]
            for question in asking:
                (heard,) = ask_all(process, [question], team=team)
                assert heard.status == 200, heard.body
        yield process


def provider(asked: Asked, ids: dict[str, str]) -> Told:
    """Makes things under these ids."""
    if asked.path.endswith("/conversations"):
        return told({"id": ids["conversation"], "object": "conversation", "created_at": 1, "metadata": {}})
    if asked.path.endswith("/items"):
        return told({"object": "list", "data": [{"id": ids["entry"], "type": "message"}], "has_more": False})
    output = [{"id": ids["reasoning"], "type": "reasoning"}, {"id": ids["message"], "type": "message", "content": []}]
    return told({"id": ids["response"], "object": "response", "status": "completed", "output": output})


def responding(**body: Any) -> Question:
    return Question("/v1/responses", {"model": "gpt-4o-mini", "input": "hi", **body})


def chatting(**message: Any) -> Question:
    return Question("/v1/chat/completions", {"model": "gpt-4o-mini", "messages": [{"role": "user", **message}]})


def part(kind: str, identity: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": kind, "file_id": identity}]}]


def places(kept: Kept) -> dict[str, Callable[[str], Question]]:
    """Everywhere in a body where an id can be named."""
    mine = kept.mine
    variables = {"picture": {"type": "input_image"}}
    items = f"/v1/conversations/{mine['conversation']}/items"
    return {
        "previous_response_id": lambda x: responding(previous_response_id=x),
        "previous response, streamed": lambda x: responding(previous_response_id=x, stream=True),
        "previous response, in the background": lambda x: responding(previous_response_id=x, background=True),
        "previous response, not stored": lambda x: responding(previous_response_id=x, store=False),
        "conversation": lambda x: responding(conversation=x),
        "conversation object": lambda x: responding(conversation={"id": x}),
        "item_reference": lambda x: responding(input=[{"type": "item_reference", "id": x}]),
        "item reference behind a message": lambda x: responding(
            input=[{"role": "user", "content": "hi"}, {"type": "item_reference", "id": x}]
        ),
        "bare id": lambda x: responding(input=[{"id": x}]),
        "bare id of a type": lambda x: responding(input=[{"type": "reasoning", "id": x}]),
        "null type": lambda x: responding(input=[{"type": None, "id": x}]),
        "reasoning": lambda x: responding(input=[{"type": "reasoning", "id": x, "summary": []}]),
        "picture made before": lambda x: responding(input=[{"type": "image_generation_call", "id": x, "result": None}]),
        "approval": lambda x: responding(
            input=[{"type": "mcp_approval_response", "approval_request_id": x, "approve": True}]
        ),
        "input_file": lambda x: responding(input=part("input_file", x)),
        "input_image": lambda x: responding(input=part("input_image", x)),
        "a tool's output": lambda x: responding(
            input=[{"type": "function_call_output", "call_id": "c", "output": [{"type": "input_file", "file_id": x}]}]
        ),
        "prompt": lambda x: responding(prompt={"id": x}),
        "prompt variable": lambda x: responding(
            prompt={"id": mine["prompt"], "variables": {"picture": {**variables["picture"], "file_id": x}}}
        ),
        "vector_store_ids": lambda x: responding(tools=[{"type": "file_search", "vector_store_ids": [x]}]),
        "container": lambda x: responding(tools=[{"type": "code_interpreter", "container": x}]),
        "container's files": lambda x: responding(
            tools=[{"type": "code_interpreter", "container": {"type": "auto", "file_ids": [x]}}]
        ),
        "mask": lambda x: responding(tools=[{"type": "image_generation", "input_image_mask": {"file_id": x}}]),
        "chat file": lambda x: chatting(content=[{"type": "file", "file": {"file_id": x}}]),
        "chat audio": lambda x: chatting(content="hi", audio={"id": x}),
        "new conversation": lambda x: Question("/v1/conversations", {"items": [{"type": "item_reference", "id": x}]}),
        "own conversation": lambda x: Question(items, {"items": [{"type": "item_reference", "id": x}]}),
        "file in own conversation": lambda x: Question(items, {"items": part("input_file", x)}),
    }


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": lambda x: x,
    "upper case": str.upper,
    "space before": lambda x: f" {x}",
    "newline behind": lambda x: f"{x}\n",
    "zero-width space behind": lambda x: f"{x}\u200b",
    "nul behind": lambda x: f"{x}\x00",
    "full-width": lambda x: x.replace("_", "＿"),
    "percent": lambda x: x.replace("_", "%5F"),
    "a pattern": lambda x: f"{x[:-1]}?",
    "another's key": lambda x: f"{{{OWNER}}}:response:{x}",
    "path": lambda x: f"../responses/{x}",
}
ROUTES: dict[str, tuple[str, str]] = {
    "retrieve": ("GET", "/v1/responses/{}"),
    "retrieve a stream": ("GET", "/v1/responses/{}?stream=true"),
    "delete": ("DELETE", "/v1/responses/{}"),
    "cancel": ("POST", "/v1/responses/{}/cancel"),
    "input items": ("GET", "/v1/responses/{}/input_items"),
    "without /v1": ("GET", "/responses/{}"),
    "conversation": ("GET", "/v1/conversations/{}"),
    "change": ("POST", "/v1/conversations/{}"),
    "delete conversation": ("DELETE", "/v1/conversations/{}"),
    "add items": ("POST", "/v1/conversations/{}/items"),
    "list items": ("GET", "/v1/conversations/{}/items"),
    "their item": ("GET", "/v1/conversations/{}/items/{}"),
    "delete their item": ("DELETE", "/v1/conversations/{}/items/{}"),
    "an item in one's own": ("GET", "/v1/conversations/MINE/items/{}"),
    "delete it there": ("DELETE", "/v1/conversations/MINE/items/{}"),
}
TRICKS: dict[str, Callable[[str], str]] = {
    "as it is": lambda x: x,
    "upper case": str.upper,
    "encoded": lambda x: x.replace("_", "%5F"),
    "encoded twice": lambda x: x.replace("_", "%255F"),
    "space": lambda x: f"{x}%20",
    "nul": lambda x: f"{x}%00",
    "newline": lambda x: f"{x}%0A",
    "slash": lambda x: f"{x}%2F",
    "dots": lambda x: f"x/../{x}",
    "dot": lambda x: f"./{x}",
    "empty": lambda x: f"/{x}",
    "parameter": lambda x: f"{x};a=b",
    "unicode": lambda x: x.replace("_", "%EF%BC%BF"),
    "own and theirs": lambda x: f"MINE,{x}",
}


def probes(kept: Kept, identity: str) -> dict[tuple[str, str], Question]:
    """Every way to name one id."""
    named = {
        (place, spelling): ask(spell(identity))
        for (place, ask), (spelling, spell) in itertools.product(places(kept).items(), SPELLINGS.items())
    }
    for (route, (method, path)), (trick, write) in itertools.product(ROUTES.items(), TRICKS.items()):
        shown = write(identity)
        where = path.replace("{}", shown).replace("MINE", kept.mine["conversation"])
        body: Any = {"metadata": {}} if method == "POST" and "conversations" in path else None
        named[route, trick] = Question(where, body, method=method)
    return named


AN_ID = re.compile(rb"(?i)(id(?:_|%5f|%255f|\xef\xbc\xbf))[0-9a-f]*")
"""In all its spellings, and cut off where a message quotes only the beginning of a path."""


def shown(heard: Heard) -> tuple[int, bytes, tuple[str, ...]]:
    """What an answer tells, but for ids and for what every answer has of its own."""
    return heard.status, AN_ID.sub(rb"\1...", heard.body), tuple(sorted(name.lower() for name in heard.headers))


@pytest.mark.timeout(600)
def test_2000_probes_learn_nothing_and_reach_nobody(
    walled: GatewayProcess, scripted: ScriptedUpstream, kept: Kept
) -> None:
    control = probes(kept, an_id())
    right = dict(zip(control, ask_all(walled, list(control.values()), team=STRANGER), strict=True))
    asking = [each for identity in kept.ids for each in probes(kept, identity).items()]
    assert len(asking) >= PROBES
    heard = ask_all(walled, [question for _, question in asking], team=STRANGER)
    wrong = []
    for (way, _), answer in zip(asking, heard, strict=True):
        if answer.status != 404 or shown(answer) != shown(right[way]):
            wrong.append((way, answer.status, answer.body, right[way].status, right[way].body))
    assert wrong[:3] == []
    assert [(asked.method, asked.path) for asked in scripted.asked] == []


def test_the_owner_reaches_all_of_it(walled: GatewayProcess, scripted: ScriptedUpstream, kept: Kept) -> None:
    """Else the wall could be one without a door."""
    scripted.script = lambda asked: told(
        {"object": "response", "id": "x", "status": "completed", "output": [{"id": "y"}]}
    )
    made, given, ask = kept.made, kept.given, places(kept)
    asking = [
        Question(f"/v1/responses/{made['response']}", method="GET"),
        Question(f"/v1/responses/{made['response']}/input_items", method="GET"),
        Question(f"/v1/conversations/{made['conversation']}/items/{made['entry']}", method="GET"),
        ask["previous_response_id"](made["response"]),
        ask["conversation"](made["conversation"]),
        ask["item_reference"](made["message"]),
        ask["bare id"](made["entry"]),
        ask["reasoning"](made["reasoning"]),
        ask["input_file"](given["file"]),
        ask["prompt"](given["prompt"]),
        ask["vector_store_ids"](given["vector store"]),
        ask["container"](given["container"]),
    ]
    heard = ask_all(walled, asking, team=OWNER)
    assert [answer.status for answer in heard] == [200] * len(asking), [answer.body for answer in heard]
    assert len(scripted.asked) == len(asking)


def test_what_was_deleted_never_was(walled: GatewayProcess, scripted: ScriptedUpstream) -> None:
    identity = an_id()
    whole = {"object": "response", "id": identity, "status": "completed", "output": [{"id": an_id()}]}
    scripted.script = lambda asked: told(whole if asked.method == "POST" else {"id": identity, "deleted": True})
    steps = [Question("/v1/responses", {"input": "keep"}), Question(f"/v1/responses/{identity}", method="DELETE")]
    assert [ask_all(walled, [each], team=OWNER)[0].status for each in steps] == [200, 200]
    (gone,) = ask_all(walled, [Question(f"/v1/responses/{identity}", method="GET")], team=OWNER)
    assert (gone.status, json.loads(gone.body)["error"]["type"]) == (404, "invalid_request_error")
    assert len(scripted.asked) == 2
