"""The one module that knows LiteLLM: its router as the way to the provider, its errors, its answers.

Only the router and provider layer is used. Everything else the gateway does (keys, limits, caches,
escalation, fallback, traces) happens before and after the two calls here, so a new LiteLLM can only break
this file.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .fallback import UpstreamError

# Without it the import itself fetches a price list from the internet and waits for it.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
# LiteLLM and the OpenAI SDK would pick it up for calls that carry no key of their own.
os.environ.pop("OPENAI_API_KEY", None)

import litellm
from litellm import exceptions
from litellm.router import Router

WRAPPING = re.compile(r"^(?:(?:litellm\.)?\w*(?:Error|Exception|Timeout): )+")
"""What LiteLLM puts before the provider's own message, once or several times."""

COMPLETION = ("id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier")
CHUNK = ("id", "object", "created", "system_fingerprint", "service_tier")
CHOICE = ("index", "delta", "logprobs", "finish_reason")
MESSAGE = (
    "role", "content", "refusal", "tool_calls", "function_call", "audio", "annotations", "reasoning_content",
)  # fmt: skip
USAGE = (
    "prompt_tokens", "completion_tokens", "total_tokens",
    "prompt_tokens_details", "completion_tokens_details",
)  # fmt: skip


@dataclass(frozen=True)
class Endpoint:
    """Where a model is reached without LiteLLM."""

    base_url: str
    api_key: str = field(repr=False)
    model: str


class Upstream:
    """Chat calls to the models of `model_list`, one attempt each."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Build the router.

        Args:
            settings: LiteLLM's part of the configuration file: model_list, router_settings, litellm_settings.
        """
        for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
            # It logs handled errors with stack traces and pieces of requests; we report them ourselves.
            logging.getLogger(name).setLevel(logging.CRITICAL)
        litellm.suppress_debug_info = True
        for name, value in (settings.get("litellm_settings") or {}).items():
            setattr(litellm, name, value)
        self._models: list[dict[str, Any]] = [dict(model) for model in settings["model_list"]]
        self._router = Router(model_list=self._models, **(settings.get("router_settings") or {}))

    async def complete(self, model: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Ask for a whole answer; raise UpstreamError if the provider gives none."""
        try:
            answer = await self._router.acompletion(model=model, **body)
        except Exception as error:
            raise _translated(error) from error
        return _completion(answer.model_dump(exclude_none=True))

    async def stream(self, model: str, body: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """Ask for a streamed answer; return only when it has begun to say something.

        The last chunk carries the usage. A stream that breaks off raises UpstreamError: before this returns, so
        that another model may be asked, or while it is read, when it is too late for that.
        """
        try:
            answer = await self._router.acompletion(
                model=model, stream=True, stream_options={"include_usage": True}, **body
            )
            chunks = _chunks(model, aiter(answer))
        except Exception as error:
            raise _translated(error) from error
        begun: list[dict[str, Any]] = []
        async for chunk in chunks:
            begun.append(chunk)
            if _says_something(chunk):
                return _continued(begun, chunks)
        raise UpstreamError(502, "the provider's stream ended before it said anything")

    def endpoint(self, model: str) -> Endpoint:
        """The provider's address of a model, for calls too cheap to go through LiteLLM."""
        parameters = next(entry["litellm_params"] for entry in self._models if entry["model_name"] == model)
        return Endpoint(
            base_url=_resolved(parameters["api_base"]),
            api_key=_resolved(parameters["api_key"]),
            model=str(parameters["model"]).removeprefix("openai/"),
        )

    async def warm(self, model: str) -> None:
        """Make a call and a streamed call that fail at once: the first ones of a process import for a second."""
        with socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))  # Bound but not listening: a connection is refused.
            nowhere = f"http://127.0.0.1:{deaf.getsockname()[1]}"
            for stream in (False, True):
                with contextlib.suppress(exceptions.APIConnectionError, exceptions.InternalServerError):
                    await self._router.acompletion(
                        model=model,
                        messages=[{"role": "user", "content": "-"}],
                        stream=stream,
                        api_base=nowhere,
                        api_key="-",
                    )


async def _chunks(model: str, answer: AsyncIterator[Any]) -> AsyncIterator[dict[str, Any]]:
    try:
        async for chunk in answer:
            yield _chunk(model, chunk.model_dump(exclude_none=True))
    except Exception as error:
        raise _translated(error) from error


async def _continued(begun: list[dict[str, Any]], rest: AsyncIterator[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
    for chunk in begun:
        yield chunk
    async for chunk in rest:
        yield chunk


def _says_something(chunk: Mapping[str, Any]) -> bool:
    return any(
        choice["finish_reason"] or set(choice["delta"]) - {"role", "content"} or choice["delta"].get("content")
        for choice in chunk["choices"]
    )


def _completion(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The answer as the provider's documentation describes it, without LiteLLM's additions."""
    shown = _only(COMPLETION, answer)
    for choice in shown.get("choices") or ():
        choice.pop("provider_specific_fields", None)
        if "message" in choice:
            choice["message"] = {"content": None, **_only(MESSAGE, choice["message"])}
        choice.setdefault("logprobs", None)
    if "usage" in shown:
        shown["usage"] = _only(USAGE, shown["usage"])
    return shown


def _chunk(model: str, chunk: Mapping[str, Any]) -> dict[str, Any]:
    shown = {**_only(CHUNK, chunk), "model": model}
    usage = chunk.get("usage")
    if usage:
        return {**shown, "choices": [], "usage": _only(USAGE, usage)}
    choices = [{"finish_reason": None, "logprobs": None, **_only(CHOICE, choice)} for choice in chunk["choices"]]
    for choice in choices:
        choice["delta"] = _only(MESSAGE, choice.get("delta") or {})
    return {**shown, "choices": choices}


def _only(names: tuple[str, ...], values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}


def _translated(error: Exception) -> UpstreamError:
    """Any error of LiteLLM as ours. Its own words for the client: LiteLLM's wrapping names internals."""
    if isinstance(error, UpstreamError):
        return error
    status = getattr(error, "status_code", None)
    body = getattr(error, "body", None)
    body = body if isinstance(body, Mapping) else {}
    if isinstance(error, exceptions.Timeout):
        return UpstreamError(408, "the provider did not answer in time", kind="timeout")
    if isinstance(error, exceptions.APIConnectionError):
        return UpstreamError(502, "the connection to the provider failed or broke", kind="connection_error")
    if not isinstance(status, int) or not 400 <= status <= 599:
        return UpstreamError(502, f"the provider could not be asked ({type(error).__name__})")
    message = body.get("message") or _unwrapped(str(getattr(error, "message", error)))
    response = getattr(error, "response", None)
    headers = getattr(response, "headers", None) or {}
    return UpstreamError(
        status,
        str(message),
        kind=str(body.get("type") or "upstream_error"),
        code=str(body["code"]) if body.get("code") is not None else None,
        param=str(body["param"]) if body.get("param") is not None else None,
        retry_after=headers.get("retry-after"),
    )


def _unwrapped(message: str) -> str:
    own = message.split("\n\n")[0].rpartition("OpenAIException - ")[2]
    return WRAPPING.sub("", own)


def _resolved(value: str) -> str:
    prefix = "os.environ/"
    return os.environ[value.removeprefix(prefix)] if value.startswith(prefix) else value
