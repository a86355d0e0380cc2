"""What the provider says arrives byte for byte: whole answers, streams, errors, of every documented kind.

What does not is listed in EXCEPTIONS, each with its test. All is made from one seed, so a failure can be made again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from tests.gateway.scripted_upstream import Asked, ScriptedUpstream, Told
from tests.integration.gateway.asking import FRESH, Heard, Question, ask_all
from tests.integration.gateway.fidelity import answers
from tests.integration.gateway.harness import GatewayProcess

SEED, COUNT, FEW = 20_261_128, 500, 150
EXCEPTIONS = {
    "usage": "a chat stream whose client did not ask for usage loses the field, and chunks that hold nothing else",
    "[DONE]": "the closing event of a chat stream is the gateway's, sent once the answer is known to be whole",
    "error event": "an error in the middle of a stream is told in the provider's words, in the gateway's own event",
    "credentials": "a refusal of the gateway's own key is no client's to mend: 502, without the provider's words",
    "timeout": "the provider's 408 is told as 504",
    "kept vectors": "embeddings of which some were kept are equal as 32-bit floats, not letter by letter",
}
"""All that differs between what the provider says and what the client hears."""
DONE = b"data: [DONE]\n\n"
NUMBER = re.compile(r"number=(\d+)\.")

Kind = tuple[str, Callable[[int], dict[str, Any]], Callable[[Random], Any]]


def chat(number: int) -> dict[str, Any]:
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": f"number={number}."}]}


def responses(number: int) -> dict[str, Any]:
    return {"model": "gpt-4o-mini", "input": f"number={number}."}


def embedded(number: int) -> dict[str, Any]:
    return {"model": "text-embedding-3-large", "input": f"number={number}."}


def moderated(number: int) -> dict[str, Any]:
    return {"input": f"number={number}."}


KINDS: dict[str, Kind] = {
    "chat completion": ("/v1/chat/completions", chat, answers.completion),
    "response": ("/v1/responses", responses, answers.response),
    "embeddings": ("/v1/embeddings", embedded, lambda random: answers.embeddings(random, 1)),
    "moderation": ("/v1/moderations", moderated, answers.moderation),
}


def number_of(asked: Asked) -> int:
    found = NUMBER.search(asked.body.decode())
    assert found is not None
    return int(found[1])


def differing(told: list[bytes], heard: list[Heard], status: int = 200) -> list[tuple[int, int, bytes, bytes]]:
    """The first answers that did not arrive as they were sent."""
    pairs = zip(told, heard, strict=True)
    return [
        (number, answer.status, sent[:400], answer.body[:400])
        for number, (sent, answer) in enumerate(pairs)
        if answer.status != status or answer.body != sent
    ][:3]


@pytest.mark.parametrize("name", KINDS)
def test_a_whole_answer_arrives_byte_for_byte(
    plain_gateway: GatewayProcess, scripted: ScriptedUpstream, name: str
) -> None:
    path, question, make = KINDS[name]
    random = Random(f"{SEED} {name}")
    told = [answers.written(make(random), random) for _ in range(COUNT)]
    scripted.script = lambda asked: Told(told[number_of(asked)])
    heard = ask_all(plain_gateway, [Question(path, question(number), FRESH) for number in range(COUNT)])
    assert differing(told, heard) == []
    assert len(set(told)) > 0.95 * COUNT


@pytest.mark.parametrize("name", ["chat completion", "response"])
def test_a_kept_answer_comes_back_byte_for_byte(
    plain_gateway: GatewayProcess, scripted: ScriptedUpstream, name: str
) -> None:
    """Whatever the provider said: what comes a second time is the first answer if it was kept, else a new one."""
    path, question, make = KINDS[name]
    random = Random(f"{SEED} kept {name}")
    first = [answers.written(plain(make(random)), random) for _ in range(60)]
    second = [answers.written(make(random), random) for _ in first]
    asking = [Question(path, {**question(10_000 + number), "store": False}, {}) for number in range(len(first))]
    scripted.script = lambda asked: Told(first[number_of(asked) - 10_000])
    assert differing(first, ask_all(plain_gateway, asking)) == []
    scripted.script = lambda asked: Told(second[number_of(asked) - 10_000])
    again = ask_all(plain_gateway, asking)
    hits = [answer.headers["x-gateway-cache"] == "exact" for answer in again]
    assert differing([a if hit else b for a, b, hit in zip(first, second, hits, strict=True)], again) == []
    assert sum(hits) > 20


def plain(answer: dict[str, Any]) -> dict[str, Any]:
    """The same answer, where its kind allows as one that may be kept: text, ended by itself."""
    if answer.get("object") == "chat.completion":
        message = {"role": "assistant", "content": "kept", "refusal": None}
        return {**answer, "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}]}
    part = {"type": "output_text", "text": "kept", "annotations": [], "logprobs": []}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    return {**answer, "status": "completed", "error": None, "output": [item]}


STATUSES = (400, 404, 409, 413, 422, 429, 500, 502, 503)


def test_an_error_arrives_byte_for_byte(plain_gateway: GatewayProcess, scripted: ScriptedUpstream) -> None:
    """G6: from every route, whether another model was asked first or not."""
    random = Random(f"{SEED} errors")
    told = [answers.written(answers.error(random), random) for _ in range(COUNT)]
    statuses = [random.choice(STATUSES) for _ in told]

    def script(asked: Asked) -> Told:
        number = number_of(asked)
        return Told(told[number], statuses[number], {"retry-after": str(number)})

    scripted.script = script
    kinds = [random.choice(list(KINDS.values())) for _ in told]
    asking = [
        Question(path, {**question(number), **({"stream": True} if question is chat and number % 2 else {})}, FRESH)
        for number, (path, question, _) in enumerate(kinds)
    ]
    heard = ask_all(plain_gateway, asking)
    assert [answer.status for answer in heard] == statuses
    assert [answer.body for answer in heard] == told
    assert [answer.headers.get("retry-after") for answer in heard] == [str(number) for number in range(COUNT)]


@pytest.mark.parametrize(("status", "shown"), [(401, 502), (403, 502), (408, 504)])
def test_exceptions_credentials_and_timeout(
    plain_gateway: GatewayProcess, scripted: ScriptedUpstream, status: int, shown: int
) -> None:
    body = json.dumps({"error": {"message": "Incorrect API key provided: sk-arr***", "type": "t"}}).encode()
    scripted.script = lambda asked: Told(body, status)
    (heard,) = ask_all(plain_gateway, [Question("/v1/chat/completions", chat(1), FRESH)])
    assert heard.status == shown
    assert (b"sk-arr" in heard.body) == (status == 408)


def streamed(question: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**question, "stream": True, **fields}


def test_a_chat_stream_arrives_byte_for_byte(plain_gateway: GatewayProcess, scripted: ScriptedUpstream) -> None:
    """G3, G4: every delta of every choice, and the keep-alives between them; only [DONE] is the gateway's own."""
    random = Random(f"{SEED} chat stream")
    events = [answers.as_events(answers.chat_chunks(random), random, named=False) for _ in range(COUNT)]
    told = [b"".join(each) + DONE for each in events]
    pieces = [answers.in_pieces(each, random) for each in told]
    scripted.script = lambda asked: Told(pieces[number_of(asked)])
    usage = {"stream_options": {"include_usage": True}}
    heard = ask_all(
        plain_gateway,
        [Question("/v1/chat/completions", streamed(chat(number), **usage), FRESH) for number in range(COUNT)],
    )
    assert differing(told, heard) == []


def data(stream: bytes) -> list[Any]:
    lines = [line[5:].strip() for line in re.split(rb"\r?\n", stream) if line.startswith(b"data:")]
    return [line if line == b"[DONE]" else json.loads(line) for line in lines]


def test_exception_usage(plain_gateway: GatewayProcess, scripted: ScriptedUpstream) -> None:
    """Who did not ask for usage gets every chunk without it, and no chunk that holds nothing else."""
    random = Random(f"{SEED} chat stream without usage")
    chunks = [answers.chat_chunks(random) for _ in range(FEW)]
    told = [b"".join(answers.as_events(each, random, named=False)) + DONE for each in chunks]
    scripted.script = lambda asked: Told(answers.in_pieces(told[number_of(asked)], Random(number_of(asked))))
    heard = ask_all(
        plain_gateway, [Question("/v1/chat/completions", streamed(chat(number)), FRESH) for number in range(FEW)]
    )
    right = [
        [
            *(
                {k: v for k, v in chunk.items() if k != "usage"}
                for chunk in each
                if chunk["choices"] or "usage" not in chunk
            ),
            b"[DONE]",
        ]
        for each in chunks
    ]
    assert [data(answer.body) for answer in heard] == right


def test_a_response_stream_arrives_byte_for_byte(plain_gateway: GatewayProcess, scripted: ScriptedUpstream) -> None:
    """Events of all types the SDK knows."""
    random = Random(f"{SEED} response stream")
    events = [answers.response_events(random) for _ in range(COUNT)]
    told = [b"".join(answers.as_events(each, random, named=True)) for each in events]
    pieces = [answers.in_pieces(each, random) for each in told]
    scripted.script = lambda asked: Told(pieces[number_of(asked)])
    heard = ask_all(
        plain_gateway, [Question("/v1/responses", streamed(responses(number)), FRESH) for number in range(COUNT)]
    )
    assert differing(told, heard) == []
    types = {kind.model_fields["type"].annotation.__args__[0] for kind in answers.EVENTS}
    assert {event["type"] for each in events for event in each} == types - answers.ENDS_EARLY


def test_exception_error_event(plain_gateway: GatewayProcess, scripted: ScriptedUpstream) -> None:
    """G27: in both APIs, after something was said."""
    random = Random(f"{SEED} error events")
    errors = [answers.error(random)["error"] for _ in range(100)]
    first = {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "half"}}]}
    delta = {"type": "response.output_text.delta", "delta": "half", "sequence_number": 3}

    def script(asked: Asked) -> Told:
        error = errors[number_of(asked)]
        if asked.path.endswith("responses"):
            said = {"type": "error", **{k: error[k] for k in ("code", "message", "param")}, "sequence_number": 4}
            return Told(answers.as_events([delta, said], Random(1), named=True))
        return Told(answers.as_events([first, {"error": error}], Random(1), named=False))

    scripted.script = script
    for path, question in (("/v1/chat/completions", chat), ("/v1/responses", responses)):
        asking = [Question(path, streamed(question(number)), FRESH) for number in range(len(errors))]
        for error, answer in zip(errors, ask_all(plain_gateway, asking), strict=True):
            last = data(answer.body)[-1]
            told = last.get("error", last)
            assert {name: told[name] for name in ("message", "param", "code")} == {
                name: error[name] for name in ("message", "param", "code")
            }
            if "error" not in last:
                assert (last["type"], last["sequence_number"]) == ("error", 4)


def test_exception_kept_vectors(plain_gateway: GatewayProcess, scripted: ScriptedUpstream) -> None:
    """Every list of which some inputs are known: each vector is the one that was sent for its input."""
    import numpy as np

    random = Random(f"{SEED} kept vectors")
    vectors = {f"text {number}": [random.uniform(-1, 1) for _ in range(8)] for number in range(40)}
    asked_for: list[str] = []

    def script(asked: Asked) -> Told:
        inputs = asked.sent["input"] if isinstance(asked.sent["input"], list) else [asked.sent["input"]]
        asked_for.extend(inputs)
        exact = [np.asarray(vectors[each], dtype="<f4") for each in inputs]
        shown: list[Any] = [vector.astype(float).tolist() for vector in exact]
        if asked.sent.get("encoding_format") == "base64":
            shown = [base64_of(vector.tobytes()) for vector in exact]
        found = [{"object": "embedding", "index": index, "embedding": each} for index, each in enumerate(shown)]
        usage = {"prompt_tokens": len(inputs), "total_tokens": len(inputs)}
        made = {"object": "list", "data": found, "model": "text-embedding-3-large", "usage": usage}
        return Told(json.dumps(made).encode())

    scripted.script = script
    lists = [random.choices(list(vectors), k=random.randint(1, 12)) for _ in range(60)]
    for each in lists:
        encoding = random.choice(("float", "base64"))
        body = {"model": "text-embedding-3-large", "input": each, "encoding_format": encoding}
        (heard,) = ask_all(plain_gateway, [Question("/v1/embeddings", body, {})])
        found = json.loads(heard.body)["data"]
        assert [item["index"] for item in found] == list(range(len(each)))
        for item, text in zip(found, each, strict=True):
            got = item["embedding"]
            got = np.frombuffer(bytes_of(got), dtype="<f4") if encoding == "base64" else np.asarray(got, dtype="<f4")
            assert np.array_equal(got, np.asarray(vectors[text], dtype="<f4"))
    # Once known, never asked for again; within one list a text may come twice.
    assert set(asked_for) == {text for each in lists for text in each}
    assert len(asked_for) < sum(map(len, lists)) / 3


def base64_of(raw: bytes) -> str:
    import base64

    return base64.b64encode(raw).decode()


def bytes_of(text: str) -> bytes:
    import base64

    return base64.b64decode(text)
