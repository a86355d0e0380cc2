"""Embeddings: vectors of a real model, refused as OpenAI refuses."""

from __future__ import annotations

import base64
import math
import struct
from typing import Any

import httpx
import pytest
from openai import BadRequestError, OpenAI
from openai.types import CreateEmbeddingResponse

from tests.standins.openai.exact import exact

EMBEDDINGS = "/v1/embeddings"
MODEL = "text-embedding-3-large"


def embed(client: httpx.Client, text: str | list[int], **more: Any) -> list[float]:
    answer = client.post(EMBEDDINGS, json={"model": MODEL, "input": text, **more})
    assert answer.status_code == 200
    vector: list[float] = answer.json()["data"][0]["embedding"]
    return vector


def cosine(a: list[float], b: list[float]) -> float:
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("dimensions", [256, 1024, 3072])
def test_embeddings_have_the_dimensions_asked_for_and_length_one(openai: httpx.Client, dimensions: int) -> None:
    vector = embed(openai, "What is the return policy?", dimensions=dimensions)
    assert len(vector) == dimensions
    assert cosine(vector, vector) == pytest.approx(1)


def test_paraphrases_lie_closer_than_other_questions(openai: httpx.Client) -> None:
    question = embed(openai, "How do I reset my password?", dimensions=1024)
    near = cosine(question, embed(openai, "What is the way to reset my password?", dimensions=1024))
    far = cosine(question, embed(openai, "Which paint suits a 1932 Ford?", dimensions=1024))
    assert near > 0.95 > far + 0.1


def test_embeddings_in_base64_are_the_same_as_in_floats(openai: httpx.Client) -> None:
    body = {"model": MODEL, "input": ["one", "two"], "encoding_format": "base64"}
    answer = openai.post(EMBEDDINGS, json=body).json()
    assert [item["index"] for item in answer["data"]] == [0, 1]
    vector = list(struct.unpack("<3072f", base64.b64decode(answer["data"][1]["embedding"])))
    assert vector == pytest.approx(embed(openai, "two"), abs=1e-6)
    assert answer["usage"] == {"prompt_tokens": 2, "total_tokens": 2}


@pytest.mark.parametrize("given", [[], "", [""], [-1], [[]], ["x", 1], 5, "x" * 40_000])
def test_an_input_that_cannot_be_embedded_is_a_400(openai: httpx.Client, given: object) -> None:
    assert openai.post(EMBEDDINGS, json={"model": MODEL, "input": given}).status_code == 400


def test_a_chat_model_does_not_embed(openai: httpx.Client) -> None:
    assert openai.post(EMBEDDINGS, json={"model": "gpt-4o", "input": "x"}).status_code == 403


@pytest.mark.parametrize(
    ("given", "tokens"), [("one", 1), (["one", "two"], 2), ([1, 2, 3], 3), ([[1, 2], [3]], 3), (["a" * 40], 10)]
)
def test_every_form_of_input_is_embedded_and_billed(openai: httpx.Client, given: Any, tokens: int) -> None:
    answer = openai.post(EMBEDDINGS, json={"model": MODEL, "input": given})
    assert answer.status_code == 200, answer.text
    made = exact(CreateEmbeddingResponse, answer.json())
    several = isinstance(given, list) and not isinstance(given[0], int)
    assert [item.index for item in made.data] == list(range(len(given) if several else 1))
    assert made.usage.prompt_tokens == made.usage.total_tokens == tokens
    assert made.model == MODEL


def test_equal_token_numbers_embed_alike_and_others_otherwise(openai: httpx.Client) -> None:
    first, again, other = (embed(openai, given, dimensions=64) for given in ([5, 6], [5, 6], [7, 8]))
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("change", "message", "param", "code"),
    [
        ({"model": ""}, "you must provide a model parameter", None, None),
        ({"input": ["x"] * 2049}, "maximum length 2048", "input", "array_above_max_length"),
        ({"input": ["ok", ""]}, "cannot be an empty string", "input[1]", "invalid_value"),
        ({"input": ["ok", "x" * 40_000]}, "maximum context length is 8192", "input[1]", None),
        ({"input": [1] * 8193}, "maximum context length is 8192", "input", None),
        ({"input": ["x" * 32_000] * 40}, "300000 tokens per request", "input", "max_tokens_per_request"),
        ({"dimensions": 0}, ">= 1", "dimensions", "integer_below_min_value"),
        ({"dimensions": 3073}, "<= 3072", "dimensions", "integer_above_max_value"),
        ({"encoding_format": "hex"}, "Supported values are: 'float', and 'base64'.", "encoding_format",
         "invalid_value"),
        ({"truncate": True}, "Unrecognized request argument supplied: truncate", None, None),
    ],
)  # fmt: skip
def test_refused(
    openai: httpx.Client, change: dict[str, Any], message: str, param: str | None, code: str | None
) -> None:
    answer = openai.post(EMBEDDINGS, json={"model": MODEL, "input": "x", **change})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert message in error["message"]
    assert (error["param"], error["code"]) == (param, code)


def test_g30_the_official_client_gets_the_vectors_of_each_model(sdk: OpenAI) -> None:
    """G30: the client asks for base64 by itself."""
    for model, size in ((MODEL, 3072), ("text-embedding-3-small", 1536), ("text-embedding-ada-002", 1536)):
        made = sdk.embeddings.create(model=model, input=["one", "two"])
        assert [len(item.embedding) for item in made.data] == [size, size]
    with pytest.raises(BadRequestError) as caught:
        sdk.embeddings.create(model="text-embedding-ada-002", input="one", dimensions=64)
    assert caught.value.code == "unsupported_parameter"
