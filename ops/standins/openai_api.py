"""OpenAI's API as far as the gateway uses it: chat completions, embeddings, models, and arranged errors."""

from __future__ import annotations

import asyncio
import base64
import hmac
import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from ops.standins import embedding
from ops.standins.openai_chat import Answer, BadRequest, ChatRequest, answer, chunks, completion, tokens
from ops.standins.openai_control import Control, Fault, parse_faults
from ops.standins.serve import DISCONNECT, Disconnect

CHAT_PATH = "/v1/chat/completions"
EMBEDDINGS_PATH = "/v1/embeddings"
MODELS = ("gpt-4o-mini", "gpt-4o", "text-embedding-3-large")
DIMENSIONS = {"text-embedding-3-large": 3072, "text-embedding-3-small": 1536}
EMBEDDING_TOKENS = 8191
EMBEDDING_INPUTS = 2048


def error(
    status: int,
    message: str,
    kind: str = "invalid_request_error",
    *,
    param: str | None = None,
    code: str | None = None,
) -> JSONResponse:
    """An error in OpenAI's shape."""
    return JSONResponse({"error": {"message": message, "type": kind, "param": param, "code": code}}, status)


class _Dropped(Response):
    """No answer at all: the connection has been dropped."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send nothing."""


class OpenAI:
    """The stand-in's routes.

    Args:
        control: what tests arranged and what was counted.
        keys: accepted API keys.
        models: names it serves; one that begins with ``text-embedding`` embeds, the others chat.
        latency_s: seconds before every answer.
        chunk_delay_s: seconds before every chunk of a stream.
    """

    def __init__(
        self,
        control: Control,
        keys: Sequence[str],
        models: Sequence[str],
        latency_s: float,
        chunk_delay_s: float,
    ) -> None:
        self.control = control
        self.keys = [key.encode() for key in keys]
        self.models = tuple(models)
        self.latency_s = latency_s
        self.chunk_delay_s = chunk_delay_s

    def routes(self) -> list[Route]:
        """The routes; the last one answers what is unknown."""
        return [
            Route(CHAT_PATH, self.chat, methods=["POST"]),
            Route(EMBEDDINGS_PATH, self.embeddings, methods=["POST"]),
            Route("/v1/models", self.list_models),
            Route("/v1/models/{model}", self.one_model),
            Route("/{path:path}", self.unknown_path, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        ]

    def _allowed(self, request: Request) -> bool:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        secret = given.strip().encode()
        return scheme.lower() == "bearer" and any(hmac.compare_digest(secret, key) for key in self.keys)

    def _refusal(self, request: Request) -> Response | None:
        if not self._allowed(request):
            return error(401, "Incorrect API key provided.", code="invalid_api_key")
        return None

    def _model_refusal(self, model: object, *, embeds: bool) -> Response | None:
        if not isinstance(model, str) or not model:
            return error(400, "you must provide a model parameter")
        if model not in self.models:
            message = f"The model `{model}` does not exist or you do not have access to it."
            return error(404, message, code="model_not_found")
        if embeds and not model.startswith("text-embedding"):
            return error(403, "You are not allowed to generate embeddings from this model")
        if not embeds and model.startswith("text-embedding"):
            return error(404, "This is not a chat model and cannot be used here.", param="model")
        return None

    async def _body(self, request: Request) -> dict[str, Any] | None:
        try:
            body = msgspec.json.decode(await request.body())
        except msgspec.DecodeError:
            return None
        return body if isinstance(body, dict) else None

    async def _misbehave(self, request: Request, fault: Fault | None) -> Response | None:
        """Wait, hang, reset or refuse as ``fault`` says; None when the request may go on."""
        await asyncio.sleep(self.latency_s + (fault.delay_s if fault else 0.0))
        if fault is None:
            return None
        if fault.hang:
            while (await request.receive())["type"] != "http.disconnect":
                pass
            return _Dropped()
        if fault.reset:
            await _disconnect(request)(True)
            return _Dropped()
        if fault.status is not None:
            if fault.body is not None:
                return JSONResponse(fault.body, fault.status, headers=fault.headers)
            refused = error(fault.status, "The server had an error (arranged).", "server_error")
            refused.headers.update(fault.headers)
            return refused
        return None

    def _fault(self, request: Request, path: str, model: str, question: str) -> Fault | None:
        header = request.headers.get("x-standin-fault")
        if header is not None:
            return parse_faults(msgspec.json.decode(header))[0]
        return self.control.take_fault(path, model, question)

    async def chat(self, request: Request) -> Response:
        """``POST /v1/chat/completions``."""
        body = await self._body(request)
        if refusal := self._refusal(request):
            return refusal
        if body is None:
            return error(400, "We could not parse the JSON body of your request.")
        self.control.remember(CHAT_PATH, body)
        model = str(body.get("model"))
        try:
            asked = await asyncio.to_thread(ChatRequest.parse, body)
        except BadRequest as exc:
            self.control.count(CHAT_PATH, model, failed=True)
            return error(400, str(exc), param=exc.param, code=exc.code)
        fault = self._fault(request, CHAT_PATH, model, asked.question)
        refused = await self._misbehave(request, fault)
        refused = refused or self._model_refusal(body.get("model"), embeds=False)
        if refused is not None:
            self.control.count(CHAT_PATH, model, failed=True)
            return refused
        fixed = self.control.find_reply(asked.system, asked.question)
        made = await asyncio.to_thread(answer, asked, fixed.reply if fixed else None)
        if figures := (fault.usage if fault else {}) or (fixed.usage if fixed else {}):
            made = made.with_usage(figures)
        self.control.count(
            CHAT_PATH, model, prompt=made.usage["prompt_tokens"], completion=made.usage["completion_tokens"]
        )
        headers = {"x-request-id": made.id.replace("chatcmpl-", "req_"), "openai-processing-ms": "1"}
        if asked.stream:
            events = self._events(request, made, fault or Fault())
            return StreamingResponse(events, headers=headers, media_type="text/event-stream; charset=utf-8")
        return JSONResponse(completion(made), headers=headers)

    async def _events(self, request: Request, made: Answer, fault: Fault) -> AsyncIterator[bytes]:
        sent = 0
        for chunk, has_content in chunks(made):
            if has_content:
                if sent == fault.cut_after_chunks:
                    await _disconnect(request)(False)
                    return
                if sent == fault.error_after_chunks:
                    broken = {"message": "The server had an error (arranged).", "type": "server_error"}
                    yield _event({"error": {**broken, "param": None, "code": None}})
                    return
                sent += 1
                if delay := self.chunk_delay_s + fault.chunk_delay_s:
                    await asyncio.sleep(delay)
            yield _event(chunk)
        yield b"data: [DONE]\n\n"

    async def embeddings(self, request: Request) -> Response:
        """``POST /v1/embeddings``."""
        body = await self._body(request)
        if refusal := self._refusal(request):
            return refusal
        if body is None:
            return error(400, "We could not parse the JSON body of your request.")
        self.control.remember(EMBEDDINGS_PATH, body)
        model = str(body.get("model"))
        given = body.get("input")
        texts = [given] if isinstance(given, str) else given
        fault = self._fault(request, EMBEDDINGS_PATH, model, str(texts[0]) if texts else "")
        refused = await self._misbehave(request, fault)
        refused = refused or self._model_refusal(body.get("model"), embeds=True) or _input_refusal(texts, body)
        if refused is not None or not isinstance(texts, list):
            self.control.count(EMBEDDINGS_PATH, model, failed=True)
            return refused or error(400, "'input' is invalid.", param="input")
        dimensions = body.get("dimensions") or DIMENSIONS.get(model, 1536)
        vectors = [await asyncio.to_thread(embedding.embed, text, dimensions) for text in texts]
        used = sum(tokens(text) for text in texts)
        usage = {"prompt_tokens": used, "total_tokens": used} | (fault.usage if fault else {})
        self.control.count(EMBEDDINGS_PATH, model, prompt=usage["prompt_tokens"])
        encode = _as_base64 if body.get("encoding_format") == "base64" else _as_list
        data = [{"object": "embedding", "index": at, "embedding": encode(v)} for at, v in enumerate(vectors)]
        return JSONResponse({"object": "list", "data": data, "model": model, "usage": usage})

    async def list_models(self, request: Request) -> Response:
        """``GET /v1/models``."""
        listed = {"object": "list", "data": [_model(name) for name in self.models]}
        return self._refusal(request) or JSONResponse(listed)

    async def one_model(self, request: Request) -> Response:
        """``GET /v1/models/{model}``."""
        name = request.path_params["model"]
        if refusal := self._refusal(request):
            return refusal
        if name not in self.models:
            return error(404, f"The model '{name}' does not exist", param="model", code="model_not_found")
        return JSONResponse(_model(name))

    async def unknown_path(self, request: Request) -> Response:
        """Whatever else OpenAI may have and this has not."""
        return error(404, f"Invalid URL ({request.method} {request.url.path})")


def _disconnect(request: Request) -> Disconnect:
    drop: Disconnect = request.scope[DISCONNECT]
    return drop


def _event(data: Mapping[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(data) + b"\n\n"


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1_715_367_049, "owned_by": "system"}


def _input_refusal(texts: object, body: Mapping[str, Any]) -> Response | None:
    if not isinstance(texts, list) or not texts or len(texts) > EMBEDDING_INPUTS:
        return error(400, f"'input' must be one string or up to {EMBEDDING_INPUTS} of them.", param="input")
    if not all(isinstance(text, str) and text for text in texts):
        # OpenAI takes token numbers too, but nothing here can turn them back into text.
        return error(400, "'input' must hold strings that are not empty.", param="input")
    if any(tokens(text) > EMBEDDING_TOKENS for text in texts):
        message = f"This model's maximum context length is {EMBEDDING_TOKENS + 1} tokens."
        return error(400, message, param="input")
    dimensions = body.get("dimensions")
    if dimensions is not None and not (isinstance(dimensions, int) and 1 <= dimensions <= 3072):
        return error(400, "Invalid value for 'dimensions'.", param="dimensions")
    return None


def _as_base64(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _as_list(vector: Sequence[float]) -> list[float]:
    return list(vector)
