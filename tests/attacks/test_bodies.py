"""Bodies that nobody means: refused as OpenAI refuses, with the field at fault, and nothing is asked of the provider.

What a single body is refused for is tested in `tests/gateway/api/test_body.py` and the tests of the requests beside it;
here each kind goes to each route, through the edge, as bytes.
"""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsBase
from openai.types.embedding_create_params import EmbeddingCreateParams
from openai.types.moderation_create_params import ModerationCreateParams
from openai.types.responses.response_create_params import ResponseCreateParamsBase

from tests.attacks.stand import Stand, head
from tests.attacks.wire import Answer, exchange

SOUND: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]},
    "/v1/responses": {"model": "gpt-4o-mini", "input": "hi"},
    "/v1/embeddings": {"model": "text-embedding-3-large", "input": "hi"},
    "/v1/moderations": {"input": "hi"},
    "/v1/conversations": {"metadata": {"a": "b"}},
}
NUMBERS = ("NaN", "Infinity", "-Infinity", "1e999", "9" * 5000, "01", "0x1", "1_000", ".5", "+1", "--1", "1e")
RAW: dict[str, bytes] = {
    "empty": b"",
    "spaces": b" " * 1000,
    "nothing": b"null",
    "a list": b"[]",
    "a text": b'"{}"',
    "two values": b"{}{}",
    "cut off": b'{"model": "gpt-4o-mi',
    "single quotes": b"{'model': 'gpt-4o-mini'}",
    "trailing comma": b'{"model": "gpt-4o-mini",}',
    "a comment": b'{"model": "gpt-4o-mini" /* */}',
    "invalid UTF-8": b'{"model": "\xff\xfe"}',
    "overlong UTF-8": b'{"model": "\xc0\xae"}',
    "UTF-16": '{"model": "gpt-4o-mini"}'.encode("utf-16"),
    "UTF-32": '{"model": "gpt-4o-mini"}'.encode("utf-32"),
    "a lone surrogate": b'{"model": "\\ud800"}',
    "a lone surrogate as a name": b'{"\\udfff": 1}',
    "a bare newline": b'{"model": "a\nb"}',
    "a form": b"model=gpt-4o-mini&input=hi",
    "a multipart form": b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\ngpt-4o-mini\r\n--x--\r\n',
    "NUL": b"\x00" * 100,
    "compressed": gzip.compress(b'{"model": "gpt-4o-mini"}'),
    **{f"number {number[:9]}": b'{"model": ' + number.encode() + b"}" for number in NUMBERS},
}
OBJECTS: dict[str, bytes] = {
    "a prototype": b'{"__proto__": {"model": "gpt-4o-mini"}}',
    "a model twice": b'{"model": "gpt-4o-mini", "model": "gpt-none", "input": "hi", "messages": []}',
}
"""Sound JSON of no request. What a conversation may hold the provider says."""
HEAVY: dict[str, bytes] = {
    "deep lists": b'{"model": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "deep objects": b'{"model": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}",
    "deep and open": b"[" * 500_000,
    "many values": b'{"model": [' + b"1," * 900_000 + b"1]}",
    "many names": b"{" + b",".join(b'"%d":1' % number for number in range(100_000)) + b"}",
}
"""These take the most to read."""
FIELDS = {
    "/v1/chat/completions": CompletionCreateParamsBase.__annotations__,
    "/v1/responses": ResponseCreateParamsBase.__annotations__,
    "/v1/embeddings": EmbeddingCreateParams.__annotations__,
    "/v1/moderations": ModerationCreateParams.__annotations__,
}
"""All that OpenAI's own SDK documents, and `stream`."""
WRONG: tuple[Any, ...] = (True, -1, 1.5, 10**30, "\x00", [[]], [{}], {"type": []})
"""Of whatever a field may be, most are not it."""


def post(stand: Stand, path: str, body: bytes, *headers: str) -> Answer:
    mine = (f"Authorization: Bearer {stand.key()}", "Content-Type: application/json", *headers)
    heard = exchange(stand.edge_port, head("POST", path, *mine, f"Content-Length: {len(body)}") + body, until=1)
    assert not heard.broken
    (answer,) = heard.answers
    return answer


def refused(answer: Answer, *, allowed: tuple[int, ...] = (400, 404, 413, 415, 422, 429)) -> None:
    """An error as OpenAI's clients read one."""
    assert answer.status in allowed, answer
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] in ("invalid_request_error", "rate_limit_exceeded"), error
    assert 0 < len(error["message"]) < 1000
    assert "Traceback" not in error["message"]
    assert answer.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize("path", SOUND)
def test_what_is_no_request_is_refused_on_every_route(attacked: Stand, path: str) -> None:
    attacked.upstream.asked.clear()
    also = {"/v1/responses": OBJECTS | HEAVY, "/v1/conversations": {}}.get(path, OBJECTS)
    for body in (RAW | also).values():
        if path != "/v1/conversations" or body.strip():  # These may be begun with nothing.
            answer = post(attacked, path, body)
            assert answer.status != 200, body[:80]
            refused(answer)
    assert attacked.upstream.asked == []


@pytest.mark.parametrize("path", FIELDS)
def test_a_field_of_another_type_is_refused_or_taken_but_breaks_nothing(attacked: Stand, path: str) -> None:
    for name in sorted({*FIELDS[path], "stream"}):
        for value in WRONG:
            answer = post(attacked, path, json.dumps({**SOUND[path], name: value}).encode())
            if answer.status != 200:
                refused(answer)


@pytest.mark.parametrize("path", SOUND)
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "identity, gzip", "x-nothing"])
def test_a_compressed_body_is_never_unpacked(attacked: Stand, path: str, encoding: str) -> None:
    """G29: a bomb of 10 MB in 10 kB, too."""
    answer = post(attacked, path, gzip.compress(b" " * 10_000_000), f"Content-Encoding: {encoding}")
    refused(answer, allowed=(415, 429))


def test_two_lines_of_encodings_are_one_list(attacked: Stand) -> None:
    body = json.dumps(SOUND["/v1/moderations"]).encode()
    refused(
        post(attacked, "/v1/moderations", body, "Content-Encoding: gzip", "Content-Encoding: identity"), allowed=(415,)
    )


@pytest.mark.parametrize("path", SOUND)
def test_a_body_over_the_limit_is_refused(attacked: Stand, path: str) -> None:
    body = b"{" + b" " * 2_200_000 + b"}"
    mine = (f"Authorization: Bearer {attacked.key()}", "Content-Type: application/json")
    for sent in (
        head("POST", path, *mine, f"Content-Length: {len(body)}") + body,
        head("POST", path, *mine, "Transfer-Encoding: chunked") + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body),
    ):
        heard = exchange(attacked.edge_port, sent)
        assert heard.statuses == [413]
        assert heard.closed
