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
from . import stepwise
from .aside import aside
from .background import Background
from .call import Call
from .chat_answer import ChatAnswers
from .errors import OverLimit
from .finish import Finish
from .headers import passed_on
from .intake import Intake, Read
from .ownership import Ownership
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
        finish: Finish,
    ) -> None:
        self._config, self._limiter, self._exact = config, limiter, exact
        self._semantic, self._provider, self._ownership = semantic, provider, ownership
        self._background, self._finish = background, finish
        self._flights: Flights[Hit | None] = Flights()
        self._answers: Mapping[API, AnswerKind] = {"chat": ChatAnswers(), "responses": ResponseAnswers()}
        self._intake = Intake(config)

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
        read = await aside(len(raw), self._intake.read, team, raw, api, cache_control)
        request = read.request
        request.note_on(outcome)
        if request.references:
            earlier = await self._ownership.check(team.name, request.references)
            request = replace(request, size=replace(request.size, earlier=earlier))
            read = replace(read, request=request, choice=self._intake.choice(request))
        choice, key = read.choice, read.key
        outcome.model, outcome.escalated = choice.model, choice.escalated

        reads = key is not None and not request.controls.no_cache
        looks = self._exact.on() or (self._semantic is not None and read.partition is not None and self._semantic.on())
        outcome.tier = "miss" if reads and looks else "bypass"
        most = self._intake.most(request, choice.model)
        bound = self._bound(most, read)
        # One round trip looks for a kept answer and books: that answer is free of charge, but a request like any other.
        kept = self._exact.name(key) if key is not None and reads and self._exact.on() else None
        admitted = await self._limiter.reserve(team, tokens=bound.tokens, nano_usd=bound.nano_usd, free_if=kept)
        outcome.remaining = admitted.remaining
        if isinstance(admitted, Refusal):
            raise OverLimit(admitted)
        if key is not None and admitted.found is not None:
            return self._served(outcome, request, self._exact.hit(key, admitted.found))
        if kept is not None and not admitted.shared:
            self._exact.failures += 1
        call = Call(request, outcome, admitted, choice.model, most, key, read.partition)
        try:
            return await self._found_or_asked(call, shares=reads and self._exact.on() and not request.controls.no_store)
        except asyncio.CancelledError:
            call.share(None)  # It stays booked at its estimate.
            raise
        except BaseException:
            await call.book(self._limiter)
            raise

    async def _found_or_asked(self, call: Call, *, shares: bool) -> Reply:
        request, outcome = call.request, call.outcome
        began = time.monotonic_ns()
        try:
            hit, looked = await self._found(call, shares=shares)
        finally:
            outcome.lookup_ns = time.monotonic_ns() - began
        if hit is None:
            return await (self._streamed(call) if request.stream else self._whole(call))
        call.share(hit)
        await call.book(self._limiter)
        if looked and self._semantic is not None:
            most = call.most[call.model]
            self._semantic.second_opinion.consider(outcome, hit, call.model, request.body, most)
        return self._served(outcome, request, hit)

    async def _found(self, call: Call, *, shares: bool) -> tuple[Hit | None, bool]:
        """The answer of an identical request under way, or of the semantic tier, and whether that one was asked."""
        request, outcome = call.request, call.outcome
        if shares and call.key is not None and not _any(request.body, "tools", "functions", "n"):
            joined = await self._flights.join(call.key, wait_s=FOLLOW_S)
            if isinstance(joined, Lead):
                call.lead = joined
            elif joined.answer is not None:
                return joined.answer, False
        if call.partition is None or self._semantic is None or request.controls.no_cache:
            return None, False
        looked = await self._semantic.lookup(call.partition, outcome)
        call.vector = looked.vector
        return looked.hit, True

    async def _whole(self, call: Call) -> Reply:
        request, outcome, kind = call.request, call.outcome, self._answers[call.request.api]

        async def attempt(model: str) -> tuple[Answer, dict[str, Any]]:
            with outcome.asking():
                answer = await self._provider.whole(model, request.endpoint, request.content)
            said = await aside(len(answer.body), _object, answer.body)
            problem = kind.problem(said, background=request.background)
            if problem is not None:
                # It was made, so it is billed: at its usage if that is known, else at most.
                usage = kind.usage(said)
                outcome.unsettled += spend(self._config.prices[model], usage or {})
                raise UpstreamError(502, problem, unsettled=usage is None)
            return answer, said

        answered = await ask(call.model, self._fallback(call), attempt, failed=self._failed(call))
        self._note_answer(outcome, answered.model, answered.after, answered.value[0].headers)
        answer, said = answered.value
        await self._remember(call, kind.made(said), kind.usage(said))
        if request.background and said.get("status") in ("queued", "in_progress"):
            outcome.answer = said
            self._background.follow(call, answered.model, str(said.get("id")))
            return Reply(200, answer.body, outcome.headers())
        usage = kind.usage(said) or await self._counted(call, kind.text(said))
        self._account(call, usage, said)
        if kind.keepable(said) and not request.controls.no_store:
            await self._keep(call, said, answer.body)
        await call.book(self._limiter)
        self._finish.done(outcome)
        return Reply(200, answer.body, outcome.headers())

    async def _streamed(self, call: Call) -> Reply:
        request, outcome, kind = call.request, call.outcome, self._answers[call.request.api]

        async def attempt(model: str) -> _Begun:
            with outcome.asking():
                stream = await self._provider.stream(model, request.endpoint, request.content)
            transcript = kind.transcript(include_usage=request.include_usage)
            told = events(timed(outcome, aiter(stream)))
            try:
                return _Begun(transcript, await begun(transcript, told), told, stream)
            except BaseException:
                await stream.aclose()
                raise

        answered = await ask(call.model, self._fallback(call), attempt, failed=self._failed(call))
        self._note_answer(outcome, answered.model, answered.after, answered.value.stream.headers)
        # The client may use an id as soon as it has seen it.
        await self._remember(call, answered.value.transcript.made(), None)
        outcome.begin_output()
        return Reply(200, self._events(call, answered.value), outcome.headers(), "text/event-stream")

    async def _events(self, call: Call, begun: _Begun) -> AsyncGenerator[bytes, None]:
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
                    await self._remember(call, new, None)
                if shown is not None:
                    yield shown
            closing = transcript.close()
            await self._ended(call, transcript)
            yield closing
        except UpstreamError as error:
            await self._broken(call, transcript, error)
            yield transcript.failure(error)
        finally:
            await begun.stream.aclose()
            await self._broken(call, transcript, None)

    async def _ended(self, call: Call, transcript: Transcript) -> None:
        """A stream came to its end: book it, keep it, share it, trace it."""
        kind = self._answers[call.request.api]
        usage = transcript.usage or await self._counted(call, transcript.text())
        answer = transcript.answer
        await self._remember(call, transcript.made(), usage)
        self._account(call, usage, answer or _told(transcript))
        if call.key is not None and answer is not None and kind.keepable(answer) and not call.request.controls.no_store:
            body = json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
            await self._keep(call, answer, body)
        await call.book(self._limiter)
        self._finish.done(call.outcome)

    async def _broken(self, call: Call, transcript: Transcript, error: UpstreamError | None) -> None:
        """A stream ended early: the provider bills what it said, so that is booked."""
        if call.booked:
            return
        outcome = call.outcome
        outcome.error = error.message if error else "stopped before the end"
        self._account(call, transcript.usage or await self._counted(call, transcript.text()), _told(transcript))
        await call.book(self._limiter)
        self._finish.done(outcome)

    def _account(self, call: Call, usage: Mapping[str, Any], answer: Any) -> None:
        """Note what an answer was, and what it cost."""
        outcome = call.outcome
        outcome.usage, outcome.answer = usage, answer
        outcome.spend += spend(self._config.prices[outcome.model or call.model], usage)
        outcome.spend += Spend(0, self._hosted_cost(call.request, answer))

    def _hosted_cost(self, request: Request, answer: Any) -> int:
        """Nano-USD for the calls of hosted tools that an answer shows."""
        if not request.hosted:
            return 0
        items = answer.get("output") or () if isinstance(answer, Mapping) else ()
        kinds = [str(item.get("type")).removesuffix("_call") for item in items if isinstance(item, Mapping)]
        return sum(kinds.count(tool) * self._config.hosted_tools[tool] for tool in request.hosted)

    async def _keep(self, call: Call, answer: dict[str, Any], body: bytes) -> None:
        if call.key is None:
            return
        call.share(Hit("exact", body, f"exact:{call.key.digest}"))
        semantic_id = None
        if call.partition is not None and self._semantic is not None:
            semantic_id = await self._semantic.keep(
                call.partition,
                call.vector,
                answer,
                call.outcome,
                ttl_s=call.request.controls.ttl_s,
                exact=call.key,
            )
        await self._exact.put(call.key, body, ttl_s=call.request.controls.ttl_s, semantic_id=semantic_id)

    async def _remember(self, call: Call, made: list[tuple[str, str]], usage: Mapping[str, Any] | None) -> None:
        """Note whose is what the provider keeps of an answer, and how much of it is read again later."""
        if call.request.api != "responses" or call.request.body.get("store") is False:
            return
        team, tokens = call.outcome.team.name, int((usage or {}).get("total_tokens") or 0)
        for kind in ("response", "item"):
            ids = [identity for named, identity in made if named == kind]
            if ids:
                await self._ownership.record(team, kind, ids, tokens=tokens if kind == "response" else 0)
        if usage is not None:
            conversations = [each.id for each in call.request.references if each.kind == "conversation"]
            await self._ownership.record(team, "conversation", conversations, tokens=tokens)

    def _served(self, outcome: Outcome, request: Request, hit: Hit) -> Reply:
        answer, kind = hit.response, self._answers[request.api]
        outcome.tier, outcome.similarity, outcome.entry_id = hit.tier, hit.similarity, hit.entry_id
        outcome.how = hit.how
        outcome.model = _signed_by(answer, self._config.chat_models) or outcome.model
        outcome.answer, outcome.usage = answer, kind.usage(answer) or {}
        self._finish.done(outcome)
        if not request.stream:
            return Reply(200, hit.body, outcome.headers())

        async def replayed() -> AsyncGenerator[bytes, None]:
            for part in pieces(kind.replay(answer, include_usage=request.include_usage)):
                yield part
                await asyncio.sleep(0)  # The client may take it at once, and the next one too.

        return Reply(200, replayed(), outcome.headers(), "text/event-stream")

    def _bound(self, most: Mapping[str, Spend], read: Read) -> Spend:
        """What to reserve: the tokens of the larger attempt, and the dollars of both, since both may be billed."""
        bound = Spend(max(spend.tokens for spend in most.values()), sum(spend.nano_usd for spend in most.values()))
        if read.partition is not None and self._semantic is not None:
            bound += self._semantic.at_most(read.partition, read.request.size.text)
        return bound

    def _failed(self, call: Call) -> Any:
        def failed(model: str, error: UpstreamError) -> None:
            if error.unsettled:
                call.outcome.unsettled += call.most[model]

        return failed

    def _fallback(self, call: Call) -> str | None:
        return self._config.fallback.get(call.model)

    async def _counted(self, call: Call, text: str) -> Mapping[str, int]:
        """Usage by our own count, for an answer that came without."""
        price = self._config.prices[call.outcome.model or call.model]
        read = call.request.size.tokens(call.outcome.model or call.model, price.context)
        written = await aside(len(text), count_text, text)
        return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}

    def _note_answer(
        self, outcome: Outcome, model: str, after: UpstreamError | None, headers: Mapping[str, str]
    ) -> None:
        outcome.model, outcome.provider_headers = model, passed_on(headers)
        if after is not None:
            outcome.fallback = f"{after.status} {after.message}"[:200]
            log.warning("%s failed with %d, %s answered", outcome.asked, after.status, model)


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = stepwise.answer(body)
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
