"""No request holds up the others: while the largest and oddest are under way, the gateway answers as if they were not.

Judged by the gateway's own watchdog: how long its event loop was held by the process itself, by its CPU time. What else
the machine does is not in that figure, so a busy machine does not fail the test, and each input gets some tries, since
noise comes and goes and a freeze stays. A loop that waits without working would not show there, so liveliness is asked
for all the while as well, and may take long only by as much as the machine is slow.
"""

from __future__ import annotations

import http.client
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.gateway.scripted_upstream import Asked, ScriptedUpstream, Told, told
from tests.integration.gateway.asking import FRESH
from tests.integration.gateway.harness import GatewayProcess
from tests.integration.gateway.saying import chunk, completion, stream

MOST_HELD_S = "0.1"
"""A bound of the watchdog's histogram."""
MOST_WAITED_S = 1.0
"""By somebody who asks for liveliness, on a machine that does nothing else."""
TRIES, SPIN_S = 4, 0.005
MEGABYTES = 2 * 1024 * 1024 - 2000
"""About as much as a body may have."""
INPUTS, DIMENSIONS = 2048, 3072
TOKENS, ALTERNATIVES = 16_384, 20
CHAT, RESPONSES, EMBEDDINGS = "chat/completions", "responses", "embeddings"

Body = dict[str, Any]


@dataclass(frozen=True)
class Heavy:
    """A request that is much work.

    Attributes:
        kept: it is asked once before, so that the answer comes from a cache.
        at_once: how many are under way at a time.
    """

    path: str
    make: Callable[[], Body]
    kept: bool = False
    at_once: int = 3


def chat(**fields: Any) -> Body:
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5, **fields}


def said(text: str, **fields: Any) -> Body:
    return chat(messages=[{"role": "user", "content": text}], **fields)


def nested(count: int) -> Any:
    """So many JSON values, nested as deep as they may be, again and again."""
    one: Any = 1
    for _ in range(55):
        one = {"a": one}
    return [one] * (count // 56)


def picture(raw: str) -> Body:
    image = {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{raw}"}}
    return chat(messages=[{"role": "user", "content": [image]}])


def texts() -> Body:
    """Inputs that no cache knows."""
    word = secrets.token_hex(8)
    return {"model": "text-embedding-3-large", "input": [f"{word} {n} " + "word " * 150 for n in range(INPUTS)]}


def items(count: int, content: str) -> list[Body]:
    return [{"type": "message", "role": "user", "content": content} for _ in range(count)]


TOOLS = [{"type": "function", "function": {"name": f"look_{n}", "description": "word " * 3000}} for n in range(128)]
NUMBERS, OBJECTS = 499_000, 62_000
"""JSON values: nearly as many as a body may have."""
HEAVY: dict[str, Heavy] = {
    "16,000 messages": Heavy(CHAT, lambda: chat(messages=[{"role": "user", "content": "hi"}] * 16_000)),
    "2,048 messages": Heavy(CHAT, lambda: chat(messages=[{"role": "user", "content": "x" * 900}] * 2048)),
    "logit_bias of 100,000": Heavy(CHAT, lambda: chat(logit_bias={str(n): 1 for n in range(100_000)})),
    "unknown fields": Heavy(CHAT, lambda: chat(**{f"field{n}": n for n in range(100_000)})),
    "nested": Heavy(CHAT, lambda: chat(prediction={"type": "content", "content": nested(OBJECTS)})),
    "nested too often": Heavy(CHAT, lambda: chat(prediction={"type": "content", "content": nested(MEGABYTES // 7)})),
    "numbers": Heavy(CHAT, lambda: chat(response_format={"type": "x", "y": [1] * NUMBERS})),
    "too many numbers": Heavy(CHAT, lambda: chat(response_format={"type": "x", "y": [1] * (MEGABYTES // 3)})),
    "one word": Heavy(CHAT, lambda: said("a" * MEGABYTES)),
    "spaces": Heavy(CHAT, lambda: said(" " * MEGABYTES)),
    "words": Heavy(CHAT, lambda: said("word " * (MEGABYTES // 5))),
    "escapes": Heavy(CHAT, lambda: said("\u0000" * (MEGABYTES // 6))),
    "emoji": Heavy(CHAT, lambda: said("\N{ROCKET}" * (MEGABYTES // 4))),
    "long tools": Heavy(CHAT, lambda: chat(tools=TOOLS)),
    "a long picture": Heavy(CHAT, lambda: picture("/9j/" * (MEGABYTES // 5))),
    "a long answer": Heavy(CHAT, lambda: said("a long answer")),
    "a long answer streamed": Heavy(CHAT, lambda: said("a long answer", stream=True)),
    "a long answer streamed from a cache": Heavy(CHAT, lambda: said("a long answer", stream=True), kept=True),
    # 30 MB.
    "log probabilities": Heavy(CHAT, lambda: said("probabilities", logprobs=True, top_logprobs=20), at_once=1),
    "40,000 items": Heavy(RESPONSES, lambda: {"input": [{"role": "user", "content": "hi"}] * 40_000}),
    "a long event": Heavy(RESPONSES, lambda: {"input": "hi", "stream": True, "top_logprobs": 20}),
    "a long text to judge": Heavy("moderations", lambda: {"input": "word " * (MEGABYTES // 5)}),
    "a conversation begun with much": Heavy("conversations", lambda: {"items": items(20, "word " * 20_000)}),
    # Answers of 70 MB each.
    "2,048 texts to embed": Heavy(EMBEDDINGS, texts, at_once=1),
    "2,048 lists of numbers to embed": Heavy(
        EMBEDDINGS,
        lambda: {"model": "text-embedding-3-large", "input": [[1000 + n] * 150 for n in range(INPUTS)]},
        at_once=1,
    ),
}


def answer(asked: Asked) -> Told:
    """Answers that are as large as the provider's can be."""
    if asked.path.endswith(EMBEDDINGS):
        return VECTORS
    if asked.path.endswith(RESPONSES):
        return LONG_EVENT if asked.sent.get("stream") else told(RESPONSE)
    if asked.path.endswith("conversations"):
        return told({"id": "conv_1", "object": "conversation", "created_at": 1, "metadata": {}})
    if asked.path.endswith("moderations"):
        return told({"id": "modr-1", "model": "m", "results": []})
    if b"probabilities" in asked.body:
        return PROBABILITIES
    if b"a long answer" in asked.body:
        return LONG_STREAM if asked.sent.get("stream") else LONG_ANSWER
    return told(completion())


VECTOR = ",".join(f"{(n * 7919 % 2000 - 1000) / 81000:.8f}" for n in range(DIMENSIONS))
VECTORS = Told(
    b'{"object":"list","data":['
    + b",".join(b'{"object":"embedding","index":%d,"embedding":[%s]}' % (n, VECTOR.encode()) for n in range(INPUTS))
    + b'],"model":"text-embedding-3-large","usage":{"prompt_tokens":5,"total_tokens":5}}'
)
LONG_ANSWER = told(completion("word " * 400_000))
LONG_STREAM = stream(*[chunk({"content": "word " * 20})] * 5000, chunk({}, "stop"))
TOKEN = {"token": "word", "bytes": [1, 2, 3, 4], "logprob": -0.1}
LOGPROBS = [{**TOKEN, "top_logprobs": [TOKEN] * ALTERNATIVES}] * TOKENS
_PLAIN = completion("word " * TOKENS)
PROBABILITIES = told({**_PLAIN, "choices": [{**_PLAIN["choices"][0], "logprobs": {"content": LOGPROBS}}]})
PART = {"type": "output_text", "text": "word " * TOKENS, "annotations": [], "logprobs": []}
MESSAGE = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [PART]}
RESPONSE = {"object": "response", "id": "resp_1", "status": "completed", "output": [MESSAGE]}
_LONG = {**RESPONSE, "output": [{**MESSAGE, "content": [{**PART, "logprobs": LOGPROBS}]}]}
_TOLD = {"type": "response.output_text.delta", "sequence_number": 0, "delta": "word"}
LONG_EVENT = stream(_TOLD, {"type": "response.completed", "sequence_number": 1, "response": _LONG}, done=False)


def held(gateway: GatewayProcess) -> int:
    """How often the gateway has held its event loop for longer than it may."""
    with gateway.operator() as operator:
        text = operator.get("/metrics").text
    counts = dict(re.findall(r'^gateway_event_loop_held_seconds_bucket\{le="([^"]+)"\} (\d+)$', text, re.MULTILINE))
    return int(counts["+Inf"]) - int(counts[MOST_HELD_S])


@dataclass(frozen=True)
class Waited:
    """What asking for liveliness again and again showed.

    Attributes:
        worst_s: the longest it took.
        slowness: how much longer than its own CPU time a piece of work took meanwhile: 1 on a machine that is free.
    """

    worst_s: float
    slowness: float


def asked_meanwhile(gateway: GatewayProcess, goes_on: Callable[[], bool]) -> Waited:
    """Ask for liveliness as long as something goes on."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=60)
    worst, wall, cpu = 0.0, 0.0, 0.0
    while goes_on():
        began, used = time.perf_counter(), time.thread_time()
        while time.thread_time() - used < SPIN_S:
            pass
        wall, cpu = wall + time.perf_counter() - began, cpu + time.thread_time() - used
        began = time.perf_counter()
        connection.request("GET", "/health/liveliness")
        reply = connection.getresponse()
        reply.read()
        worst = max(worst, time.perf_counter() - began)
        assert reply.status == 200
    connection.close()
    return Waited(worst, wall / cpu if cpu else 1.0)


@contextmanager
def under_way(gateway: GatewayProcess, heavy: Heavy, raw: bytes, headers: dict[str, str]) -> Iterator[list[int]]:
    """Its requests, so many at a time; yields their statuses as they come in."""
    statuses: list[int] = []
    own = {"authorization": f"Bearer {gateway.keys['admin']}", "content-type": "application/json", **headers}

    def send() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=120)
        connection.request(
            "POST", f"/v1/{heavy.path}", body=raw, headers={**own, "x-gateway-client": secrets.token_hex(8)}
        )
        reply = connection.getresponse()
        while reply.read(1024 * 1024):
            pass
        statuses.append(reply.status)
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(heavy.at_once)]
    for thread in threads:
        thread.start()
    yield statuses
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("name", HEAVY)
def test_others_are_answered_meanwhile(plain_gateway: GatewayProcess, scripted: ScriptedUpstream, name: str) -> None:
    """G13, G14 and their kind."""
    scripted.script = answer
    heavy = HEAVY[name]
    raw = json.dumps(heavy.make(), ensure_ascii=False).encode()
    assert len(raw) < 2 * 1024 * 1024
    if heavy.kept:
        with plain_gateway.client("admin") as client:
            client.post(f"/v1/{heavy.path}", content=raw).raise_for_status()
    tried = []
    for _ in range(TRIES):
        before = held(plain_gateway)
        with under_way(plain_gateway, heavy, raw, {} if heavy.kept else FRESH) as statuses:
            waited = asked_meanwhile(plain_gateway, lambda: len(statuses) < heavy.at_once)
        assert set(statuses) <= {200, 400}
        tried.append((held(plain_gateway) - before, waited))
        if tried[-1][0] == 0 and waited.worst_s < MOST_WAITED_S * waited.slowness:
            return
    pytest.fail(f"how often the loop was held for {MOST_HELD_S} s, and how long others waited: {tried}")
