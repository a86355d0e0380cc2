"""What the provider keeps: responses and conversations, for the team that made them and for no other."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from ..config import GatewayConfig
from ..limits.limiter import Limiter, Refusal
from ..limits.tokens import count_text
from ..outcome import Outcome
from ..upstream.errors import UpstreamError
from ..upstream.provider import Provider, Stream, encode
from . import incremental_json
from .body import parse
from .errors import BadRequest, OverLimit
from .headers import passed_on
from .offload import offload
from .ownership import Ownership, unknown
from .recorder import Recorder
from .references import in_items
from .reply import Reply
from .request import Reference, ReferenceKind
from .response_answer import ResponseTranscript
from .responses_request import KNOWN as RESPONSE_FIELDS

QUERY = frozenset(
    {"include", "include[]", "stream", "starting_after", "include_obfuscation", "after", "before", "limit", "order"}
)
"""Query parameters of these routes; no other goes on."""
_ID = re.compile(r"[A-Za-z0-9_-]{1,200}\Z")


@dataclass(frozen=True)
class StoredRoute:
    """One operation on what is kept.

    Attributes:
        method: of HTTP.
        pattern: the path below the base URL, with {id} for what must be the team's, {item} for a part of it.
        kind: of what the path names; None for the creation of something new.
        body: whether the request has one.
        deletes: afterwards it is gone.
    """

    method: str
    pattern: str
    kind: ReferenceKind | None
    body: bool = False
    deletes: bool = False


ROUTES = (
    StoredRoute("GET", "responses/{id}", "response"),
    StoredRoute("DELETE", "responses/{id}", "response", deletes=True),
    StoredRoute("POST", "responses/{id}/cancel", "response"),
    StoredRoute("GET", "responses/{id}/input_items", "response"),
    StoredRoute("POST", "conversations", None, body=True),
    StoredRoute("GET", "conversations/{id}", "conversation"),
    StoredRoute("POST", "conversations/{id}", "conversation", body=True),
    StoredRoute("DELETE", "conversations/{id}", "conversation", deletes=True),
    StoredRoute("POST", "conversations/{id}/items", "conversation", body=True),
    StoredRoute("GET", "conversations/{id}/items", "conversation"),
    StoredRoute("GET", "conversations/{id}/items/{item}", "conversation"),
    StoredRoute("DELETE", "conversations/{id}/items/{item}", "conversation"),
)


class Stored:
    """Passes these requests on for the team whose things they are about. They count as requests and cost nothing."""

    def __init__(
        self,
        config: GatewayConfig,
        *,
        limiter: Limiter,
        provider: Provider,
        ownership: Ownership,
        recorder: Recorder,
    ) -> None:
        self._config, self._limiter, self._provider = config, limiter, provider
        self._ownership, self._recorder = ownership, recorder

    async def answer(self, outcome: Outcome, route: StoredRoute, ids: dict[str, str], query: str, raw: bytes) -> Reply:
        """Do one operation.

        Args:
            outcome: of the request.
            route: which operation.
            ids: what the path names: `id`, `item`.
            query: the query string as it came.
            raw: the body as it came.

        Raises:
            BadRequest: 404 for what is not the team's, 400 for a bad query or body.
            OverLimit: the team has made too many requests.
            UpstreamError, StoreUnavailable: it could not be done, or not be known whose it is.
        """
        team = outcome.team
        admitted = await self._limiter.reserve(team, tokens=0, nano_usd=0)
        outcome.remaining = admitted.remaining
        if isinstance(admitted, Refusal):
            raise OverLimit(admitted)
        if not all(_ID.match(identity) for identity in ids.values()):
            raise unknown(Reference(route.kind or "item", next(iter(ids.values())), ""))
        tokens = 0
        if route.kind is not None:
            tokens = await self._ownership.check(team.name, [Reference(route.kind, ids["id"], "")])
        if "item" in ids:
            await self._ownership.check(team.name, [Reference("item", ids["item"], "")])
        content = await self._content(team.name, raw) if route.body else None
        endpoint = route.pattern.format(**ids) + _query(query)
        if route.method == "GET" and dict(parse_qsl(query)).get("stream") == "true":
            with outcome.waiting_for_provider():
                stream = await self._ask(self._provider.stream, route, endpoint, None)
            outcome.provider_headers, outcome.stream = passed_on(stream.headers), True
            return Reply(200, self._pieces(outcome, stream), outcome.headers(), "text/event-stream")
        with outcome.waiting_for_provider():
            answer = await self._ask(self._provider.whole, route, endpoint, content)
        outcome.provider_headers = passed_on(answer.headers)
        if route.deletes and route.kind is not None:
            await self._ownership.forget(team.name, route.kind, ids["id"])
        else:
            read = None if content is None else tokens + await offload(len(content), count_text, content.decode())
            await self._remember(team.name, answer.body, read)
        self._recorder.record(outcome)
        return Reply(answer.status, answer.body, outcome.headers())

    async def _content(self, team: str, raw: bytes) -> bytes:
        """The body of a creation or a change. It may hold items only of the kinds and ids that a request may hold."""
        content, named = await offload(len(raw), _read, raw)
        await self._ownership.check(team, named)
        return content

    async def _remember(self, team: str, body: bytes, tokens: int | None) -> None:
        """Note what was made or listed. `tokens`: that a conversation now has; None if it did not change."""
        try:
            made = await offload(len(body), incremental_json.answer, body)
        except (ValueError, RecursionError):
            return
        if not isinstance(made, dict):
            return
        if tokens is not None and made.get("object") == "conversation" and isinstance(made.get("id"), str):
            await self._ownership.record(team, "conversation", [made["id"]], tokens=tokens)
        items = made.get("data") if isinstance(made.get("data"), list) else []
        await self._ownership.record(
            team, "item", [item["id"] for item in items or () if isinstance(item, dict) and item.get("id")]
        )

    async def _ask(self, call: Any, route: StoredRoute, endpoint: str, content: bytes | None) -> Any:
        return await call(self._config.default_model, endpoint, content, method=route.method, names_model=False)

    async def _pieces(self, outcome: Outcome, stream: Stream) -> AsyncGenerator[bytes, None]:
        try:
            async for piece in stream:
                yield piece
        except UpstreamError as error:
            outcome.error = error.message
            yield ResponseTranscript().failure(error)
        finally:
            self._recorder.record(outcome)


def _read(raw: bytes) -> tuple[bytes, list[Reference]]:
    """A body as it goes on, and what it names; raises BadRequest."""
    sent = parse(raw) if raw else {}
    items = sent.get("items")
    if items is not None:
        RESPONSE_FIELDS["input"](items, "items")
    return encode(sent), [] if items is None else list(in_items(items, "items"))


def _query(query: str) -> str:
    pairs = parse_qsl(query, keep_blank_values=True)
    for name, _ in pairs:
        if name not in QUERY:
            raise BadRequest(f"Unknown parameter: '{name[:80]}'.", param=name[:80], code="unknown_parameter")
    return f"?{urlencode(pairs)}" if pairs else ""
