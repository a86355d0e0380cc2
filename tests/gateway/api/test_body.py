"""A request body as a JSON object."""

from __future__ import annotations

import json

import pytest
from llm_gateway.api.body import DEEPEST, MOST_VALUES, parse, unreadable
from llm_gateway.api.errors import BadRequest


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "not valid JSON"),
        (b"[1]", "JSON object"),
        (b"null", "JSON object"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"a": NaN}', "not valid JSON"),
        (b'{"a": -Infinity}', "not valid JSON"),
        (b'{"a": "\\ud800"}', "not valid JSON"),
        (b'{"a": 1e999}', "not valid JSON"),
        (b'{"a": {"5": -1e999}}', "not valid JSON"),
        (b'{"a": "\xed\xa0\x80"}', "not valid JSON"),
        (b'{"a": "\xff\xfe"}', "not valid JSON"),
        ('{"a": 1}'.encode("utf-16"), "not valid JSON"),
        (b'{"seed": ' + b"1" * 5000 + b"}", "not valid JSON"),
        (b'{"x": [' + b"1," * MOST_VALUES + b"1]}", f"more than {MOST_VALUES} values"),
        (b'{"x": [' + b'{"y":{}},' * (MOST_VALUES // 16) + b"1]}", f"more than {MOST_VALUES} values"),
        (b'{"x": [' + b"1," * (MOST_VALUES - 40) + b"1e999, []]}", "not valid JSON"),
        (b'{"x": ' + b"[" * 300 + b"]" * 300 + b"}", f"nested deeper than {DEEPEST}"),
        (b'{"x": ' + b'{"y":' * DEEPEST + b"1" + b"}" * DEEPEST + b"}", f"nested deeper than {DEEPEST}"),
    ],
)
def test_what_is_no_body_is_refused(raw: bytes, words: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse(raw)
    assert words in refused.value.message
    assert len(refused.value.message) < 200


@pytest.mark.parametrize(
    "raw",
    [
        b'\xef\xbb\xbf{"a": 1}',  # A byte order mark, as some Windows clients send it.
        '{"a": "\\ud83d\\ude00 ✓ \\u0000"}'.encode(),
        b'{"x": ' + b"[" * (DEEPEST - 1) + b"]" * (DEEPEST - 1) + b"}",
        b'{"x": [' + b"1," * (MOST_VALUES - 17) + b"1]}",
        b'{"x": [' + b"{}," * (MOST_VALUES // 8 - 3) + b"1]}",
        b'{"x": "' + b"1,[{" * MOST_VALUES + b'"}',
        b'{"a": 12345678901234567890123, "b": 0.1, "c": -0.0, "d": 1e-7}',
    ],
)
def test_what_json_allows_is_read(raw: bytes) -> None:
    assert parse(raw) == json.loads(raw.decode("utf-8-sig"))


def test_the_last_of_two_equal_names_is_what_counts() -> None:
    assert parse(b'{"max_tokens": 5, "max_tokens": 7}') == {"max_tokens": 7}


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "deflate", "zstd", "gzip, identity"])
def test_a_compressed_body_is_refused_by_name(encoding: str) -> None:
    """G29."""
    refused = unreadable({"content-encoding": encoding})
    assert refused is not None
    assert refused.status == 415
    assert encoding.lower() in refused.message


@pytest.mark.parametrize("headers", [{}, {"content-encoding": ""}, {"content-encoding": "Identity"}])
def test_a_plain_body_is_not(headers: dict[str, str]) -> None:
    """G29."""
    assert unreadable(headers) is None
