"""One request for an answer, from admission to settlement: limits, exact cache, semantic cache, provider.

The order is the point of this module; what each step does is in the module of its name. A request that was
admitted is carried to its end even if the client leaves: the answer is paid for by then, its true cost is booked,
and it is kept for the client's next try.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..cache.exact import ExactCache, Hit
from ..cache.semantic_tier import SemanticTier
from ..cache.single_flight import Flights, Lead
from ..config import GatewayConfig
from ..limits.limiter import Limiter, Refusal
from ..limits.pricing import Spend, spend
from ..limits.tokens import count_text
from ..outcome import Outcome
from ..upstream.errors import UpstreamError
from ..upstream.fallback import ask
from ..upstream.provider import Answer, Provider, Stream
from . import incremental_json
from .admitted_request import AdmittedRequest
from .background import Background
from .chat_answer import ChatAnswers
from .errors import OverLimit
from .headers import passed_on
from .offload import offload
from .ownership import Ownership
from .prepare import Prepared, Preparer
from .recorder import Recorder
from .reply import Reply
from .request import API, Request
from .response_answer import ResponseAnswers
from .sse import events, pieces
from .timed import timed
from .transcript import AnswerKind, Transcript, begun, heard

log = logging.getLogger(__name__)

FOLLOW_S = 60.0
"""How long a request waits for an identical one that is under way before it asks the provider itself."""


@dataclass(frozen=True)
class _Begun:
    """A streamed answer that has said something: what to send so far, and where the rest comes from."""

    transcript: Transcript
    first: list[bytes]
    rest: AsyncIterator[bytes]
    stream: Stream


class Generation:
    """Answers requests of the chat API and of the Responses API.

    `semantic` is None if the stack has no semantic tier.
    """

    def __init__(
        self,
        config: GatewayConfig,
        *,
        limiter: Limiter,
        exact: ExactCache,
        semantic: SemanticTier | None,
        provider: Provider,
        ownership: Ownership,
        background: Background,
        recorder: Recorder,
    ) -> None:
        self._config, self._limiter, self._exact = config, limiter, exact
        self._semantic, self._provider, self._ownership = semantic, provider, ownership
        self._background, self._recorder = background, recorder
        self._flights: Flights[Hit | None] = Flights()
        self._answers: Mapping[API, AnswerKind] = {"chat": ChatAnswers(), "responses": ResponseAnswers()}
        self._preparer = Preparer(config)

    async def answer(self, outcome: Outcome, raw: bytes, api: API, *, cache_control: str | None = None) -> Reply:
        """Answer one request.

        Args:
            outcome: of the request; its team is whose key was sent.
            raw: the body as it came.
            api: which of the two APIs it speaks.
            cache_control: the request's Cache-Control header.

        Raises:
            BadRequest, OverLimit, UpstreamError, StoreUnavailable: there is no answer; only what may have been
                spent is booked.
        """
        team = outcome.team
        prepared = await offload(len(raw), self._preparer.prepare, team, raw, api, cache_control)
        request = prepared.request
        request.note_on(outcome)
        if request.references:
            earlier = await self._ownership.check(team.name, request.references)
            request = replace(request, size=replace(request.size, earlier=earlier))
            prepared = replace(prepared, request=request, choice=self._preparer.choice(request))
        choice, key = prepared.choice, prepared.key
        outcome.model, outcome.escalated = choice.model, choice.escalated

        reads = key is not None and not request.controls.no_cache
        looks = self._exact.on() or (
            self._semantic is not None and prepared.partition is not None and self._semantic.on()
        )
        outcome.tier = "miss" if reads and looks else "bypass"
        most = self._preparer.most(request, choice.model)
        bound = self._bound(most, prepared)
        # One round trip looks for a kept answer and books: that answer is free of charge, but a request like any other.
        kept = self._exact.name(key) if key is not None and reads and self._exact.on() else None
        reservation = await self._limiter.reserve(
            team, tokens=bound.tokens, nano_usd=bound.nano_usd, free_if_exists=kept
        )
        outcome.remaining = reservation.remaining
        if isinstance(reservation, Refusal):
            raise OverLimit(reservation)
        if key is not None and reservation.cached is not None:
            return self._served(outcome, request, self._exact.hit(key, reservation.cached))
        if kept is not None and not reservation.shared:
            self._exact.failures += 1
        admitted = AdmittedRequest(request, outcome, reservation, choice.model, most, key, prepared.partition)
        try:
            return await self._found_or_asked(
                admitted, shares=reads and self._exact.on() and not request.controls.no_store
            )
        except asyncio.CancelledError:
            admitted.share(None)  # It stays booked at its estimate.
            raise
        except BaseException:
            await admitted.settle(self._limiter)
            raise

    async def _found_or_asked(self, admitted: AdmittedRequest, *, shares: bool) -> Reply:
        request, outcome = admitted.request, admitted.outcome
        began = time.monotonic_ns()
        try:
            hit, looked = await self._found(admitted, shares=shares)
        finally:
            outcome.lookup_ns = time.monotonic_ns() - began
        if hit is None:
            return await (self._streamed(admitted) if request.stream else self._whole(admitted))
        admitted.share(hit)
        await admitted.settle(self._limiter)
        if looked and self._semantic is not None:
            most = admitted.most[admitted.model]
            self._semantic.shadow_sample.consider(outcome, hit, admitted.model, request.body, most)
        return self._served(outcome, request, hit)

    async def _found(self, admitted: AdmittedRequest, *, shares: bool) -> tuple[Hit | None, bool]:
        """The answer of an identical request under way, or of the semantic tier, and whether that one was asked."""
        request, outcome = admitted.request, admitted.outcome
        if shares and admitted.key is not None and not _any(request.body, "tools", "functions", "n"):
            joined = await self._flights.join(admitted.key, wait_s=FOLLOW_S)
            if isinstance(joined, Lead):
                admitted.lead = joined
            elif joined.answer is not None:
                return joined.answer, False
        if admitted.partition is None or self._semantic is None or request.controls.no_cache:
            return None, False
        looked = await self._semantic.lookup(admitted.partition, outcome)
        admitted.vector = looked.vector
        return looked.hit, True

    async def _whole(self, admitted: AdmittedRequest) -> Reply:
        request, outcome, kind = admitted.request, admitted.outcome, self._answers[admitted.request.api]

        async def attempt(model: str) -> tuple[Answer, dict[str, Any]]:
            with outcome.waiting_for_provider():
                answer = await self._provider.whole(model, request.endpoint, request.content)
            said = await offload(len(answer.body), _object, answer.body)
            problem = kind.problem(said, background=request.background)
            if problem is not None:
                # It was made, so it is billed: at its usage if that is known, else at most.
                usage = kind.usage(said)
                outcome.unsettled += spend(self._config.prices[model], usage or {})
                raise UpstreamError(502, problem, unsettled=usage is None)
            return answer, said

        answered = await ask(admitted.model, self._fallback(admitted), attempt, failed=self._failed(admitted))
        self._note_answer(outcome, answered.model, answered.after, answered.value[0].headers)
        answer, said = answered.value
        await self._remember(admitted, kind.made(said), kind.usage(said))
        if request.background and said.get("status") in ("queued", "in_progress"):
            outcome.answer = said
            self._background.follow(admitted, answered.model, str(said.get("id")))
            return Reply(200, answer.body, outcome.headers())
        usage = kind.usage(said) or await self._counted(admitted, kind.text(said))
        self._account(admitted, usage, said)
        if kind.keepable(said) and not request.controls.no_store:
            await self._keep(admitted, said, answer.body)
        await admitted.settle(self._limiter)
        self._recorder.record(outcome)
        return Reply(200, answer.body, outcome.headers())

    async def _streamed(self, admitted: AdmittedRequest) -> Reply:
        request, outcome, kind = admitted.request, admitted.outcome, self._answers[admitted.request.api]

        async def attempt(model: str) -> _Begun:
            with outcome.waiting_for_provider():
                stream = await self._provider.stream(model, request.endpoint, request.content)
            transcript = kind.transcript(include_usage=request.include_usage)
            told = events(timed(outcome, aiter(stream)))
            try:
                return _Begun(transcript, await begun(transcript, told), told, stream)
            except BaseException:
                await stream.aclose()
                raise

        answered = await ask(admitted.model, self._fallback(admitted), attempt, failed=self._failed(admitted))
        self._note_answer(outcome, answered.model, answered.after, answered.value.stream.headers)
        # The client may use an id as soon as it has seen it.
        await self._remember(admitted, answered.value.transcript.made(), None)
        outcome.begin_output()
        return Reply(200, self._events(admitted, answered.value), outcome.headers(), "text/event-stream")

    async def _events(self, admitted: AdmittedRequest, begun: _Begun) -> AsyncGenerator[bytes, None]:
        transcript = begun.transcript
        known = set(transcript.made())
        try:
            for event in begun.first:
                yield event
            async for event in begun.rest:
                shown = await heard(transcript, event)
                new = [each for each in transcript.made() if each not in known]
                if new:
                    known.update(new)
                    await self._remember(admitted, new, None)
                if shown is not None:
                    yield shown
            closing = transcript.close()
            await self._ended(admitted, transcript)
            yield closing
        except UpstreamError as error:
            await self._broken(admitted, transcript, error)
            yield transcript.failure(error)
        finally:
            await begun.stream.aclose()
            await self._broken(admitted, transcript, None)

    async def _ended(self, admitted: AdmittedRequest, transcript: Transcript) -> None:
        """A stream came to its end: book it, keep it, share it, trace it."""
        kind = self._answers[admitted.request.api]
        usage = transcript.usage or await self._counted(admitted, transcript.text())
        answer = transcript.answer
        await self._remember(admitted, transcript.made(), usage)
        self._account(admitted, usage, answer or _told(transcript))
        if (
            admitted.key is not None
            and answer is not None
            and kind.keepable(answer)
            and not admitted.request.controls.no_store
        ):
            body = json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
            await self._keep(admitted, answer, body)
        await admitted.settle(self._limiter)
        self._recorder.record(admitted.outcome)

    async def _broken(self, admitted: AdmittedRequest, transcript: Transcript, error: UpstreamError | None) -> None:
        """A stream ended early: the provider bills what it said, so that is booked."""
        if admitted.settled:
            return
        outcome = admitted.outcome
        outcome.error = error.message if error else "stopped before the end"
        self._account(admitted, transcript.usage or await self._counted(admitted, transcript.text()), _told(transcript))
        await admitted.settle(self._limiter)
        self._recorder.record(outcome)

    def _account(self, admitted: AdmittedRequest, usage: Mapping[str, Any], answer: Any) -> None:
        """Note what an answer was, and what it cost."""
        outcome = admitted.outcome
        outcome.usage, outcome.answer = usage, answer
        outcome.spend += spend(self._config.prices[outcome.model or admitted.model], usage)
        outcome.spend += Spend(0, self._hosted_cost(admitted.request, answer))

    def _hosted_cost(self, request: Request, answer: Any) -> int:
        """Nano-USD for the calls of hosted tools that an answer shows."""
        if not request.hosted:
            return 0
        items = answer.get("output") or () if isinstance(answer, Mapping) else ()
        kinds = [str(item.get("type")).removesuffix("_call") for item in items if isinstance(item, Mapping)]
        return sum(kinds.count(tool) * self._config.hosted_tools[tool] for tool in request.hosted)

    async def _keep(self, admitted: AdmittedRequest, answer: dict[str, Any], body: bytes) -> None:
        if admitted.key is None:
            return
        admitted.share(Hit("exact", body, f"exact:{admitted.key.digest}"))
        semantic_id = None
        if admitted.partition is not None and self._semantic is not None:
            semantic_id = await self._semantic.keep(
                admitted.partition,
                admitted.vector,
                answer,
                admitted.outcome,
                ttl_s=admitted.request.controls.ttl_s,
                exact=admitted.key,
            )
        await self._exact.put(admitted.key, body, ttl_s=admitted.request.controls.ttl_s, semantic_id=semantic_id)

    async def _remember(
        self, admitted: AdmittedRequest, made: list[tuple[str, str]], usage: Mapping[str, Any] | None
    ) -> None:
        """Note whose is what the provider keeps of an answer, and how much of it is read again later."""
        if admitted.request.api != "responses" or admitted.request.body.get("store") is False:
            return
        team, tokens = admitted.outcome.team.name, int((usage or {}).get("total_tokens") or 0)
        for kind in ("response", "item"):
            ids = [identity for named, identity in made if named == kind]
            if ids:
                await self._ownership.record(team, kind, ids, tokens=tokens if kind == "response" else 0)
        if usage is not None:
            conversations = [each.id for each in admitted.request.references if each.kind == "conversation"]
            await self._ownership.record(team, "conversation", conversations, tokens=tokens)

    def _served(self, outcome: Outcome, request: Request, hit: Hit) -> Reply:
        answer, kind = hit.response, self._answers[request.api]
        outcome.tier, outcome.similarity, outcome.entry_id = hit.tier, hit.similarity, hit.entry_id
        outcome.served_by = hit.served_by
        outcome.model = _signed_by(answer, self._config.chat_models) or outcome.model
        outcome.answer, outcome.usage = answer, kind.usage(answer) or {}
        self._recorder.record(outcome)
        if not request.stream:
            return Reply(200, hit.body, outcome.headers())

        async def replayed() -> AsyncGenerator[bytes, None]:
            for part in pieces(kind.replay(answer, include_usage=request.include_usage)):
                yield part
                await asyncio.sleep(0)  # The client may take it at once, and the next one too.

        return Reply(200, replayed(), outcome.headers(), "text/event-stream")

    def _bound(self, most: Mapping[str, Spend], prepared: Prepared) -> Spend:
        """What to reserve: the tokens of the larger attempt, and the dollars of both, since both may be billed."""
        bound = Spend(max(spend.tokens for spend in most.values()), sum(spend.nano_usd for spend in most.values()))
        if prepared.partition is not None and self._semantic is not None:
            bound += self._semantic.at_most(prepared.partition, prepared.request.size.text)
        return bound

    def _failed(self, admitted: AdmittedRequest) -> Any:
        def failed(model: str, error: UpstreamError) -> None:
            if error.unsettled:
                admitted.outcome.unsettled += admitted.most[model]

        return failed

    def _fallback(self, admitted: AdmittedRequest) -> str | None:
        return self._config.fallback.get(admitted.model)

    async def _counted(self, admitted: AdmittedRequest, text: str) -> Mapping[str, int]:
        """Usage by our own count, for an answer that came without."""
        price = self._config.prices[admitted.outcome.model or admitted.model]
        read = admitted.request.size.tokens(admitted.outcome.model or admitted.model, price.context)
        written = await offload(len(text), count_text, text)
        return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}

    def _note_answer(
        self, outcome: Outcome, model: str, after: UpstreamError | None, headers: Mapping[str, str]
    ) -> None:
        outcome.model, outcome.provider_headers = model, passed_on(headers)
        if after is not None:
            outcome.fallback = f"{after.status} {after.message}"[:200]
            log.warning("%s failed with %d, %s answered", outcome.requested_model, after.status, model)


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = incremental_json.answer(body)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise UpstreamError(502, "the provider's answer is no JSON object", unsettled=True)
    return said


def _told(transcript: Transcript) -> dict[str, Any]:
    """What is nothing for a cache is still shown in the trace."""
    return {"choices": [{"message": {"role": "assistant", "content": transcript.text()}}]}


def _signed_by(answer: Mapping[str, Any], models: tuple[str, ...]) -> str | None:
    """Which of our models a stored answer is from; the provider signs with a dated name (gpt-4o-2024-08-06)."""
    name = str(answer.get("model") or "")
    return max((model for model in models if name.startswith(model)), key=len, default=None)


def _any(body: Mapping[str, Any], *names: str) -> bool:
    return any(body.get(name) not in (None, [], 1) for name in names)
