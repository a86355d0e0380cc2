"""Embeddings (OpenAI, "Create embeddings"): each input is kept by itself, so a list with one new text asks for one."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..cache.exact import ExactCache
from ..cache.keys import CacheKey, Controls, digest
from ..config import GatewayConfig
from ..limits.limiter import Limiter, Refusal
from ..limits.pricing import Spend, at_most, spend
from ..limits.tokens import InputSize, count_embedded, load_embedding_encoding
from ..outcome import Outcome
from ..upstream.errors import UpstreamError
from ..upstream.provider import Answer, Provider, encode
from . import check, incremental_json
from .body import parse
from .errors import BadRequest, OverLimit
from .headers import passed_on
from .offload import offload
from .recorder import Recorder
from .reply import Reply
from .request import DATED, controls_of, unknown_model

MOST_INPUTS = 2048
MOST_TOKENS = 8192
"""Of one input (OpenAI, "Create embeddings")."""
AT_ONCE = 128
"""Inputs looked up, or asked for where only some of a list are new, in one call: two megabytes of answer at most."""
LEVELS = 2
"""Of an answer, down to its vectors."""

Input = str | tuple[int, ...]

KNOWN: Mapping[str, check.Check] = {
    "cache": check.fields({}),
    "model": check.text(),
    "input": check.anything,
    "dimensions": check.integer(1),
    "encoding_format": check.one_of("float", "base64"),
    "user": check.text(),
}


@dataclass(frozen=True)
class Request:
    """What a client wants embedded.

    Attributes:
        body: the parameters for the provider, without model and input.
        sent: the input as it came, a single one or a list.
        inputs: each text or list of token numbers; `tokens`: of each, by our own count.
        as_text: vectors are wanted as base64 of little-endian 32-bit floats.
    """

    model: str
    body: Mapping[str, Any]
    sent: Any
    inputs: tuple[Input, ...]
    tokens: tuple[int, ...]
    as_text: bool
    controls: Controls


class Embeddings:
    """Answers embedding requests."""

    def __init__(
        self, config: GatewayConfig, *, limiter: Limiter, exact: ExactCache, provider: Provider, recorder: Recorder
    ) -> None:
        self._config, self._limiter, self._exact = config, limiter, exact
        self._provider, self._recorder = provider, recorder

    async def answer(self, outcome: Outcome, raw: bytes, *, cache_control: str | None = None) -> Reply:
        """Answer one request.

        Args:
            outcome: of the request; its team is whose key was sent.
            raw: the body as it came.
            cache_control: the request's Cache-Control header.

        Raises:
            BadRequest, OverLimit, UpstreamError, StoreUnavailable: there is no answer; only what may have been spent is
                booked.
        """
        models = self._config.embedding_models
        await load_embedding_encoding()
        request = await offload(len(raw), read, raw, models, cache_control)
        outcome.requested_model = outcome.model = request.model
        outcome.parameters, outcome.input = dict(request.body), request.sent
        keys = await offload(len(raw), _keys, outcome.team.name, request)
        known = await self._known(keys) if not request.controls.no_cache else [None] * len(keys)
        new = [index for index, vector in enumerate(known) if vector is None]
        outcome.tier = "bypass" if request.controls.no_cache else "miss" if new else "exact"
        size = InputSize(sum(request.tokens[index] for index in new))
        most = at_most(self._price(request), model=request.model, size=size, output_tokens=0) if new else Spend()
        admitted = await self._limiter.reserve(outcome.team, tokens=most.tokens, nano_usd=most.nano_usd)
        outcome.remaining = admitted.remaining
        if isinstance(admitted, Refusal):
            raise OverLimit(admitted)
        try:
            if len(new) == len(known):
                body = await self._all(outcome, request, keys, most, len(raw))
            else:
                body = await self._some(outcome, request, keys, known, new, most)
        except asyncio.CancelledError:
            raise  # It stays booked at its estimate.
        except BaseException:
            await self._book(outcome, admitted)
            raise
        await self._book(outcome, admitted)
        self._recorder.record(outcome)
        return Reply(200, body, outcome.headers())

    async def _all(self, outcome: Outcome, request: Request, keys: Sequence[CacheKey], most: Spend, size: int) -> bytes:
        """Nothing is known: the request, of so many bytes, goes on as it came, and so does the answer."""
        content = await offload(size, encode, {"input": request.sent, **request.body})
        answer = await self._ask(outcome, request, content, most)
        vectors, usage, model = await offload(len(answer.body), _read_answer, answer.body)
        self._pay(outcome, request, usage)
        outcome.answer = {"model": model, "vectors": len(vectors)}
        await self._keep(request, keys, vectors, model)
        return answer.body

    async def _some(
        self,
        outcome: Outcome,
        request: Request,
        keys: Sequence[CacheKey],
        known: Sequence[tuple[bytes, str] | None],
        new: Sequence[int],
        most: Spend,
    ) -> bytes:
        """What is new is asked for, and put between what is known."""
        found = list(known)
        for start in range(0, len(new), AT_ONCE):
            part = new[start : start + AT_ONCE]
            content = encode(
                {**request.body, "input": [request.inputs[index] for index in part], "encoding_format": "base64"}
            )
            answer = await self._ask(outcome, request, content, most)
            vectors, usage, model = await offload(len(answer.body), _read_answer, answer.body)
            if len(vectors) != len(part):
                raise UpstreamError(502, f"the provider sent {len(vectors)} vectors for {len(part)} inputs")
            self._pay(outcome, request, usage)
            await self._keep(request, [keys[index] for index in part], vectors, model)
            for index, vector in zip(part, vectors, strict=True):
                found[index] = (vector, model)
        whole = [each for each in found if each is not None]
        if not new:
            outcome.usage = {"prompt_tokens": sum(request.tokens), "total_tokens": sum(request.tokens)}
        outcome.answer = {"model": whole[0][1], "vectors": len(whole)}
        tokens = sum(request.tokens)
        size = sum(len(vector) for vector, _ in whole)
        return bytes(await offload(size, _written, whole, request.as_text, tokens))

    async def _ask(self, outcome: Outcome, request: Request, content: bytes, most: Spend) -> Answer:
        try:
            with outcome.waiting_for_provider():
                answer = await self._provider.whole(request.model, "embeddings", content)
        except UpstreamError as error:
            if error.unsettled:
                outcome.unsettled += most
            raise
        outcome.provider_headers = passed_on(answer.headers)
        return answer

    def _pay(self, outcome: Outcome, request: Request, usage: Mapping[str, Any]) -> None:
        used = {"prompt_tokens": int(usage.get("prompt_tokens") or sum(request.tokens))}
        outcome.usage = {"prompt_tokens": used["prompt_tokens"] + int(outcome.usage.get("prompt_tokens") or 0)}
        outcome.spend += spend(self._price(request), used)

    async def _book(self, outcome: Outcome, admitted: Any) -> None:
        total = outcome.total
        await asyncio.shield(self._limiter.settle(admitted, tokens=total.tokens, nano_usd=total.nano_usd))

    def _price(self, request: Request) -> Any:
        return self._config.prices[request.model]

    async def _known(self, keys: Sequence[CacheKey]) -> list[tuple[bytes, str] | None]:
        found: list[tuple[bytes, str] | None] = []
        for start in range(0, len(keys), AT_ONCE):
            part = keys[start : start + AT_ONCE]
            bodies = await self._exact.get_many(part[0].team, [key.digest for key in part])
            found += [None if body is None else _unpacked(body) for body in bodies]
        return found

    async def _keep(self, request: Request, keys: Sequence[CacheKey], vectors: Sequence[bytes], model: str) -> None:
        if request.controls.no_store or len(vectors) != len(keys):
            return
        head = model.encode() + b"\n"
        for key, vector in zip(keys, vectors, strict=True):
            await self._exact.put(key, head + vector, ttl_s=request.controls.ttl_s)


def _keys(team: str, request: Request) -> list[CacheKey]:
    dimensions = str(request.body.get("dimensions") or "")
    return [
        CacheKey(team, digest("embedding", team, request.model, dimensions, json.dumps(each)))
        for each in request.inputs
    ]


def read(raw: bytes, models: tuple[str, ...], cache_control: str | None) -> Request:
    """Check a request; raises BadRequest with a message that says what to change."""
    sent = parse(raw)
    check.body(sent, KNOWN, needed=("model", "input"))
    asked = sent["model"]
    model = asked if asked in models else DATED.sub("", asked)
    if model not in models:
        raise unknown_model(asked, models)
    inputs = _inputs(sent["input"])
    counts = tuple(count_embedded(each) if isinstance(each, str) else len(each) for each in inputs)
    for index, tokens in enumerate(counts):
        if tokens > MOST_TOKENS:
            raise BadRequest(
                f"This model's maximum context length is {MOST_TOKENS} tokens, however input {index} has {tokens}.",
                param="input",
            )
    body = {name: sent[name] for name in ("dimensions", "encoding_format", "user") if sent.get(name) is not None}
    return Request(
        model,
        body,
        sent["input"],
        inputs,
        counts,
        sent.get("encoding_format") == "base64",
        controls_of(sent, cache_control),
    )


def _inputs(given: Any) -> tuple[Input, ...]:
    """One text, texts, one list of token numbers, or several."""
    many: list[Any] = given if isinstance(given, list) else [given]
    if all(map(_is_token, many)) and many:
        return (tuple(many),)
    if not many or len(many) > MOST_INPUTS:
        raise BadRequest(
            f"Invalid 'input': expected one input or an array of 1 to {MOST_INPUTS}, but got {len(many)}.",
            param="input",
        )
    if all(isinstance(each, str) and each for each in many):
        return tuple(many)
    if all(isinstance(each, list) and each and all(map(_is_token, each)) for each in many):
        return tuple(map(tuple, many))
    raise BadRequest("Invalid 'input': expected strings that are not empty, or token numbers.", param="input")


def _is_token(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _read_answer(body: bytes) -> tuple[list[bytes], Mapping[str, Any], str]:
    """Vectors as little-endian 32-bit floats in the order of the inputs, the usage, and the model's signature."""
    try:
        said = incremental_json.loads(body, LEVELS, _packed)
        vectors = [vector for _, vector in sorted(said["data"], key=lambda item: int(item[0]))]
        usage, model = said.get("usage") or {}, str(said.get("model") or "")
    except (ValueError, TypeError, KeyError, binascii.Error):
        raise UpstreamError(502, "the provider's answer holds no vectors", unsettled=True) from None
    if not vectors:
        raise UpstreamError(502, "the provider's answer holds no vectors", unsettled=True)
    return vectors, usage, model


def _packed(value: Any) -> Any:
    """A vector as its index and its bytes; anything else as it is."""
    return (value["index"], _floats(value["embedding"])) if isinstance(value, dict) and "embedding" in value else value


def _floats(embedding: str | Sequence[float]) -> bytes:
    if isinstance(embedding, str):
        return base64.b64decode(embedding, validate=True)
    return np.asarray(embedding, dtype="<f4").tobytes()


def _unpacked(body: bytes) -> tuple[bytes, str]:
    model, _, vector = body.partition(b"\n")
    return vector, model.decode()


def _written(vectors: Sequence[tuple[bytes, str]], as_text: bool, tokens: int) -> bytes:
    """The answer as the provider would write it."""
    data = b",".join(
        b'{"object":"embedding","index":%d,"embedding":%s}' % (index, _shown(vector, as_text))
        for index, (vector, _) in enumerate(vectors)
    )
    model = json.dumps(vectors[0][1]).encode()
    usage = b'{"prompt_tokens":%d,"total_tokens":%d}' % (tokens, tokens)
    return b'{"object":"list","data":[' + data + b'],"model":' + model + b',"usage":' + usage + b"}"


def _shown(vector: bytes, as_text: bool) -> bytes:
    if as_text:
        return b'"' + base64.b64encode(vector) + b'"'
    return json.dumps(np.frombuffer(vector, dtype="<f4").astype(float).tolist(), separators=(",", ":")).encode()
