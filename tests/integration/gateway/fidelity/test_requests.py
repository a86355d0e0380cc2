"""Every parameter that a client sends reaches the provider as it was sent, or the request is refused by its name.

What reaches it otherwise is listed in EXCEPTIONS; what never reaches it, in REFUSED. Both are complete: a parameter
that the SDK knows and that is in neither has reached the provider unchanged in at least one of the requests.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from tests.gateway.scripted_upstream import Asked, ScriptedUpstream, Told, told
from tests.integration.gateway.asking import FRESH, Question, ask_all
from tests.integration.gateway.fidelity import requests
from tests.integration.gateway.harness import GatewayProcess
from tests.integration.gateway.saying import chunk, completion, stream

SEED, COUNT = 20_261_128, 500
EXCEPTIONS = {
    "null": "a parameter that is null is one left out",
    "bound": "an answer without a bound gets the gateway's: max_completion_tokens, max_output_tokens",
    "usage": "a chat stream always asks for its usage",
    "model": "is named as the deployment names it",
    "stream": "false is left out",
    "tool calls": "a request with a hosted tool gets a bound on its calls",
}
REFUSED: dict[str, set[str]] = {
    "chat": {"audio", "web_search_options"},
    # Ids of what another team, or nobody, has made: nothing random is this team's.
    "response": {"previous_response_id", "conversation", "prompt"},
    "embedding": set(),
    "moderation": set(),
}
LEAST = 60
"""Requests of a kind that must arrive, so that refusing everything would not pass."""
ENDED = {
    "type": "response.completed",
    "sequence_number": 0,
    "response": {"id": "r", "object": "response", "output": []},
}
KINDS: dict[str, tuple[str, Callable[[Random], dict[str, Any]]]] = {
    "chat": ("/v1/chat/completions", requests.chat),
    "response": ("/v1/responses", requests.response),
    "embedding": ("/v1/embeddings", requests.embedding),
    "moderation": ("/v1/moderations", requests.moderation),
}


def answer(asked: Asked) -> Told:
    """Something whole, so that nobody is asked twice."""
    if asked.path.endswith("chat/completions"):
        return stream(chunk({"content": "hi"}), chunk({}, "stop")) if asked.sent.get("stream") else told(completion())
    if asked.path.endswith("responses"):
        item = {"type": "message", "id": "m", "content": []}
        whole = {**ENDED["response"], "status": "completed", "output": [item]}  # type: ignore[dict-item]
        return stream({**ENDED, "response": whole}, done=False) if asked.sent.get("stream") else told(whole)
    if asked.path.endswith("embeddings"):
        found = {"object": "embedding", "index": 0, "embedding": [0.5]}
        return told({"object": "list", "data": [found], "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}})
    return told({"id": "modr", "model": "m", "results": []})


def expected(name: str, sent: dict[str, Any]) -> dict[str, Any]:
    """What is to arrive at the provider."""
    right = {key: value for key, value in sent.items() if value is not None and (key, value) != ("stream", False)}
    if name == "chat":
        if not {"max_tokens", "max_completion_tokens"} & right.keys():
            right["max_completion_tokens"] = 256
        if right.get("stream"):
            right["stream_options"] = {**right.get("stream_options", {}), "include_usage": True}
    if name == "response":
        right.setdefault("max_output_tokens", 256)
    return right


def marked(sent: dict[str, Any], number: int) -> dict[str, Any]:
    """With a number that is found again at the provider: the order in which requests arrive is not theirs."""
    return {**sent, "user": f"number {number}"} if "moderation" not in sent else sent


@pytest.mark.parametrize("name", KINDS)
def test_what_was_sent_arrives_or_is_refused_by_name(
    plain_gateway: GatewayProcess, scripted: ScriptedUpstream, name: str
) -> None:
    """G22, G23 and all their kind."""
    path, make = KINDS[name]
    random = Random(f"{SEED} requests {name}")
    sent = [make(random) for _ in range(COUNT)]
    scripted.script = answer
    heard = ask_all(plain_gateway, [Question(path, each, FRESH) for each in sent])
    arrived: Counter[str] = Counter(canonical(asked.sent) for asked in scripted.asked)
    reached: set[str] = set()
    lost, unnamed, served = [], [], 0
    for body, reply in zip(sent, heard, strict=True):
        if reply.status == 200:
            served += 1
            right = expected(name, body)
            if arrived[canonical(right)] < 1:
                lost.append(right)
            reached |= {key for key, value in body.items() if value is not None}
            continue
        error = json.loads(reply.body)["error"]
        param = str(error["param"]).split(".")[0].split("[")[0]
        if reply.status not in (400, 404) or param not in body:
            unnamed.append((reply.status, error, body))
    assert unnamed[:2] == []
    assert lost[:2] == []
    assert served == len(scripted.asked)
    assert served >= LEAST, f"only {served} of {COUNT} arrived"
    assert requests.parameters(make) - reached == REFUSED[name]


def canonical(content: Any) -> str:
    return json.dumps(content, sort_keys=True)
