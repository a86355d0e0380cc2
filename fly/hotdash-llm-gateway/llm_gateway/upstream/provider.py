"""The HTTP client of the provider's API; bodies are passed on byte for byte."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from .deployments import Deployment, NoDeployment
from .errors import UpstreamError, from_answer

CONNECT_S = 5.0
POOL_S = 10.0
MOST_IDLE = 32
"""Connections that are kept although nobody uses them. The pool looks at each of them at every event: 128 requests at
once, again and again, take 11 ms of the processor each with 128 kept, and 2 ms with 32."""
MANY_PIECES = 64
"""Of an answer, each of at most 64 kB."""
LONGEST_ERROR = 1024 * 1024
"""Bytes of an error's body that are read; OpenAI's are some hundred."""


class Chooser(Protocol):
    """Names the deployment for a model, as `deployments.Deployments` does."""

    async def choose(self, model: str) -> Deployment:
        """A deployment that serves `model`. Raises NoDeployment if none can be used now."""
        ...


@dataclass(frozen=True)
class Answer:
    """A whole answer. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Stream:
    """A streamed answer that has begun. Iterate for its bytes as they come; `aclose` gives up the rest."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self.headers: Mapping[str, str] = response.headers

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Raises UpstreamError if the connection breaks or stalls."""
        try:
            async for piece in self._response.aiter_raw():
                yield piece
        except httpx.HTTPError as error:
            raise _failed(error) from error
        finally:
            await self._response.aclose()

    async def aclose(self) -> None:
        """Give up the rest and the connection; harmless if the answer has ended."""
        await self._response.aclose()


class Provider:
    """The provider's HTTP API, one attempt a call. All calls share one pool of connections; `aclose` ends it."""

    def __init__(self, deployments: Chooser) -> None:
        self._deployments = deployments
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(CONNECT_S),
            follow_redirects=False,
            limits=httpx.Limits(max_connections=1000, max_keepalive_connections=MOST_IDLE, keepalive_expiry=60),
            # The bytes go on as they come, so they must come as they are.
            headers={"accept-encoding": "identity", "user-agent": "llm-gateway"},
        )

    async def whole(
        self,
        model: str,
        endpoint: str,
        content: bytes | None,
        *,
        method: str = "POST",
        names_model: bool = True,
    ) -> Answer:
        """Ask for a whole answer.

        Args:
            model: a name of model_list; it decides the deployment, and its name there becomes the body's `model`.
            endpoint: below the deployment's base URL, query included: `chat/completions`.
            content: a JSON object without `model`, not empty, or None for a request without a body.
            method: of HTTP.
            names_model: False for a body that is sent as it is.

        Raises:
            UpstreamError: the provider refused, did not answer in time, or could not be reached.
        """
        response = await self._begin(model, endpoint, content, method, names_model)
        try:
            pieces = [piece async for piece in response.aiter_bytes()]
            # In a thread, megabytes are put together without holding up anybody.
            body = await asyncio.to_thread(b"".join, pieces) if len(pieces) > MANY_PIECES else b"".join(pieces)
            return Answer(response.status_code, response.headers, body)
        except httpx.HTTPError as error:
            raise _failed(error) from error
        finally:
            await response.aclose()

    async def stream(
        self,
        model: str,
        endpoint: str,
        content: bytes | None,
        *,
        method: str = "POST",
        names_model: bool = True,
    ) -> Stream:
        """Ask for a streamed answer; arguments and errors as `whole`. Returns when it has begun."""
        return Stream(await self._begin(model, endpoint, content, method, names_model))

    async def complete(self, model: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """A whole chat completion for the gateway's own use (a judge's verdict, a fresh answer to compare).

        Raises:
            UpstreamError: as `whole`, or the answer holds no message.
        """
        answer = await self.whole(model, "chat/completions", encode(body))
        try:
            said = json.loads(answer.body)
            said["choices"][0]["message"]
        except (ValueError, TypeError, KeyError, IndexError):
            raise UpstreamError(502, "the provider's answer holds no message") from None
        return dict(said)

    async def aclose(self) -> None:
        """End all connections; requests under way fail."""
        await self._http.aclose()

    async def _begin(
        self, model: str, endpoint: str, content: bytes | None, method: str, names_model: bool
    ) -> httpx.Response:
        try:
            deployment = await self._deployments.choose(model)
        except NoDeployment as error:
            raise UpstreamError(503, "no deployment of this model can be used now", kind="server_error") from error
        sent = {"authorization": f"Bearer {deployment.api_key}"}
        if content is not None:
            sent["content-type"] = "application/json"
        if content is not None and names_model:
            content = b'{"model":' + json.dumps(deployment.model).encode() + b"," + content[1:]
        request = self._http.build_request(
            method,
            f"{deployment.base_url}/{endpoint}",
            content=content,
            headers=sent,
            timeout=httpx.Timeout(deployment.timeout_s, connect=CONNECT_S, pool=POOL_S),
        )
        try:
            response = await self._http.send(request, stream=True)
        except httpx.HTTPError as error:
            raise _failed(error) from error
        if response.status_code < 400:
            return response
        raise from_answer(response.status_code, response.headers, await _error_body(response))


def encode(body: Mapping[str, Any]) -> bytes:
    """A request body without `model`, as `Provider` takes it. It must not be empty."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


async def _error_body(response: httpx.Response) -> bytes:
    pieces, size = [], 0
    try:
        async for piece in response.aiter_raw():
            pieces.append(piece)
            size += len(piece)
            if size > LONGEST_ERROR:
                break
    except httpx.HTTPError:
        return b""
    finally:
        await response.aclose()
    return b"".join(pieces)


def _failed(error: httpx.HTTPError) -> UpstreamError:
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return UpstreamError(502, "the provider cannot be reached", kind="connection_error")
    if isinstance(error, httpx.TimeoutException):
        return UpstreamError(408, "the provider did not answer in time", kind="timeout", unsettled=True)
    return UpstreamError(502, "the connection to the provider broke", kind="connection_error", unsettled=True)
