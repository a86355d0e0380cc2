"""One chat request from key to answer: limits, exact cache, semantic cache, provider, books.

The order is the point of this module; what each step does is in the module of its name. A request that was
admitted is carried to its end even if the client leaves: the answer is paid for by then, its true cost is booked,
and it is kept for the client's next try.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..cache.exact import ExactCache, Hit
from ..cache.keys import Partition, exact_key, partition
from ..cache.second_opinion import SecondOpinion
from ..cache.semantic_tier import SemanticTier
from ..cache.single_flight import Flights, Lead
from ..config import GatewayConfig, Team
from ..limits.limiter import Limiter, Refusal
from ..limits.pricing import Spend, at_most, spend
from ..limits.tokens import count_request, more_for_pictures
from ..ops.tally import Tally
from ..outcome import Outcome
from ..tracing.tracer import Tracer
from ..upstream.escalation import choose
from ..upstream.fallback import UpstreamError, ask
from ..upstream.upstream import Upstream
from ..work import Work
from .chat_request import BadRequest, ChatRequest, parse
from .refusals import malformed, no_answer, over_limit
from .replay import assemble, complete
from .reply import DONE, Reply, encode, error_body, event
from .streaming import Chunk, replayed, text_of, usage_of

log = logging.getLogger(__name__)

FOLLOW_S = 60.0
"""How long a request waits for an identical one that is under way before it asks the provider itself."""


class Chat:
    """Answers chat requests.

    `semantic` and `second_opinion` are None if the stack has no semantic tier, `tracer` if it has no Langfuse.
    """

    def __init__(
        self,
        config: GatewayConfig,
        *,
        limiter: Limiter,
        exact: ExactCache,
        semantic: SemanticTier | None,
        upstream: Upstream,
        tally: Tally,
        tracer: Tracer | None,
        second_opinion: SecondOpinion | None,
    ) -> None:
        self._config, self._limiter, self._exact = config, limiter, exact
        self._semantic, self._upstream, self._tracer = semantic, upstream, tracer
        self._tally, self._second_opinion = tally, second_opinion
        self._flights: Flights[Hit | None] = Flights()

    async def answer(self, team: Team, raw: bytes, *, cache_control: str | None = None) -> Reply:
        """Answer one request of a team; every failure is a reply, and every reply is traced."""
        outcome = Outcome(team)
        try:
            return await self._answer(outcome, team, raw, cache_control)
        except BadRequest as error:
            reply = malformed(outcome, error)
        except UpstreamError as error:
            reply = no_answer(outcome, error)
        except asyncio.CancelledError:
            # The time for a stop has run out: what the provider will bill is not known.
            outcome.error = "the gateway stopped before there was an answer"
            self._done(outcome)
            raise
        self._done(outcome)
        return reply

    async def _answer(self, outcome: Outcome, team: Team, raw: bytes, cache_control: str | None) -> Reply:
        config = self._config
        request = parse(
            raw,
            cache_control=cache_control,
            models=config.chat_models,
            default_model=config.default_model,
            default_max_tokens=config.default_max_tokens,
        )
        outcome.note(request)
        input_tokens = await count_request(request.body)
        choice = choose(request.model, input_tokens=input_tokens, rule=config.escalation)
        outcome.model, outcome.escalated = choice.model, choice.escalated

        # Log probabilities do not survive the way from a stream to a kept answer.
        kept = not request.body.get("logprobs")
        key = exact_key(request.identity, team=team.name, model=choice.model, per_user=team.per_user) if kept else None
        reads = key is not None and not request.controls.no_cache
        outcome.tier = "miss" if reads else "bypass"
        hit = await self._exact.get(key) if key is not None and reads else None
        if hit is not None:
            # Free of charge, but a request like any other.
            admitted = await self._limiter.reserve(team, tokens=0, nano_usd=0)
            outcome.remaining = admitted.remaining
            if isinstance(admitted, Refusal):
                return self._over_limit(outcome, admitted)
            return self._served(outcome, request, hit)

        room = self._room(team, request, choice.model)
        most = self._most(request, choice.model, input_tokens)
        if room is not None and self._semantic is not None:
            most += await self._semantic.at_most(room, outcome, input_tokens)
        admitted = await self._limiter.reserve(team, tokens=most.tokens, nano_usd=most.nano_usd)
        outcome.remaining = admitted.remaining
        if isinstance(admitted, Refusal):
            return self._over_limit(outcome, admitted)
        work = Work(request, outcome, admitted, choice.model, input_tokens, key, room)
        try:
            return await self._found_or_asked(work, shares=reads and not request.controls.no_store)
        except asyncio.CancelledError:
            work.land(None)  # It stays booked at its estimate.
            raise
        except BaseException:
            await self._book(work)
            raise

    async def _found_or_asked(self, work: Work, *, shares: bool) -> Reply:
        if shares and work.key is not None and not _any(work.request.body, "tools", "functions", "n"):
            joined = await self._flights.join(work.key, wait_s=FOLLOW_S)
            if isinstance(joined, Lead):
                work.lead = joined
            elif joined.answer is not None:
                await self._book(work)
                return self._served(work.outcome, work.request, joined.answer)
        if work.room is not None and self._semantic is not None and not work.request.controls.no_cache:
            looked = await self._semantic.lookup(work.room, work.outcome)
            work.vector = looked.vector
            if looked.hit is not None:
                work.land(looked.hit)
                await self._book(work)
                if self._second_opinion is not None:
                    self._second_opinion.consider(work.outcome, work.request, looked.hit, work.model)
                return self._served(work.outcome, work.request, looked.hit)
        return await (self._streamed(work) if work.request.stream else self._whole(work))

    async def _whole(self, work: Work) -> Reply:
        async def call(model: str) -> dict[str, Any]:
            return await self._upstream.complete(model, work.request.body)

        answered = await ask(work.model, self._config.fallback.get(work.model), call)
        self._answered(work.outcome, answered.model, answered.after)
        await self._finish(work, answered.value, answered.value.get("usage"))
        return Reply(200, encode(answered.value), work.outcome.headers())

    async def _streamed(self, work: Work) -> Reply:
        async def call(model: str) -> AsyncIterator[dict[str, Any]]:
            return await self._upstream.stream(model, work.request.body)

        answered = await ask(work.model, self._config.fallback.get(work.model), call)
        self._answered(work.outcome, answered.model, answered.after)
        work.outcome.first_token_ns = time.time_ns()
        return Reply(200, self._events(work, answered.value), work.outcome.headers(), "text/event-stream")

    async def _events(self, work: Work, chunks: AsyncIterator[dict[str, Any]]) -> AsyncGenerator[bytes, None]:
        seen: list[dict[str, Any]] = []
        try:
            async for chunk in chunks:
                seen.append(chunk)
                if chunk["choices"] or work.request.include_usage:
                    yield event(chunk)
            await self._finish(work, assemble(seen), usage_of(seen), said=seen)
            yield DONE
        except UpstreamError as error:
            await self._broken(work, seen, error)
            yield event(error_body(error.message, kind=error.kind, code=error.code))
        finally:
            await self._broken(work, seen, None)

    async def _finish(
        self,
        work: Work,
        response: dict[str, Any] | None,
        usage: Mapping[str, Any] | None,
        *,
        said: Sequence[Chunk] = (),
    ) -> None:
        """An answer came to its end: book it, keep it, share it, trace it."""
        outcome = work.outcome
        outcome.usage = usage or work.counted_usage(said)
        outcome.spend = spend(self._config.prices[outcome.model or work.model], outcome.usage)
        # What is nothing for a cache is still shown in the trace.
        outcome.response = response or {"choices": [{"message": {"role": "assistant", "content": text_of(said)}}]}
        keeps = response is not None and complete(response) and not work.request.controls.no_store
        if keeps and response is not None and work.key is not None:
            work.land(Hit("exact", encode(response), f"exact:{work.key.digest}"))
            await self._keep(work, response)
        await self._book(work)
        self._done(outcome)

    async def _broken(self, work: Work, said: Sequence[Chunk], error: UpstreamError | None) -> None:
        """A stream ended early: the provider bills what it said, so that is booked."""
        if work.booked:
            return
        outcome = work.outcome
        outcome.error = error.message if error else "stopped before the end"
        outcome.usage = work.counted_usage(said)
        outcome.spend = spend(self._config.prices[outcome.model or work.model], outcome.usage)
        await self._book(work)
        self._done(outcome)

    async def _keep(self, work: Work, response: dict[str, Any]) -> None:
        if work.key is None:
            return
        semantic_id = None
        if work.room is not None and self._semantic is not None:
            semantic_id = await self._semantic.keep(
                work.room,
                work.vector,
                response,
                work.outcome,
                ttl_s=work.request.controls.ttl_s,
                exact=work.key,
            )
        await self._exact.put(work.key, response, ttl_s=work.request.controls.ttl_s, semantic_id=semantic_id)

    async def _book(self, work: Work) -> None:
        """Replace the reservation by what was really spent; only the first call does anything."""
        if work.booked:
            return
        work.booked = True
        work.land(None)  # Does nothing if an answer was shared.
        total, left = work.outcome.total, work.grant.remaining
        work.outcome.remaining = replace(
            left,
            tokens=left.tokens + work.grant.tokens - total.tokens,
            nano_usd=left.nano_usd + work.grant.nano_usd - total.nano_usd,
        )
        await asyncio.shield(self._limiter.settle(work.grant, tokens=total.tokens, nano_usd=total.nano_usd))

    def _served(self, outcome: Outcome, request: ChatRequest, hit: Hit) -> Reply:
        response = hit.response
        outcome.tier, outcome.similarity, outcome.entry_id = hit.tier, hit.similarity, hit.entry_id
        outcome.how = hit.how
        outcome.model = _signed_by(response, self._config.chat_models) or outcome.model
        outcome.response, outcome.usage = response, response.get("usage") or {}
        self._done(outcome)
        if not request.stream:
            return Reply(200, hit.body, outcome.headers())
        events = replayed(response, include_usage=request.include_usage)
        return Reply(200, events, outcome.headers(), "text/event-stream")

    def _over_limit(self, outcome: Outcome, refusal: Refusal) -> Reply:
        reply = over_limit(outcome, refusal)
        self._done(outcome)
        return reply

    def _answered(self, outcome: Outcome, model: str, after: UpstreamError | None) -> None:
        outcome.model = model
        if after is not None:
            outcome.fallback = f"{after.status} {after.message}"[:200]
            log.warning("%s failed with %d, %s answered", outcome.asked, after.status, model)

    def _room(self, team: Team, request: ChatRequest, model: str) -> Partition | None:
        if (
            self._semantic is None
            or team.semantic == "off"
            or (request.controls.no_cache and request.controls.no_store)
        ):
            return None
        return partition(request.identity, team=team.name, model=model, per_user=team.per_user)

    def _most(self, request: ChatRequest, model: str, input_tokens: int) -> Spend:
        fallback = self._config.fallback.get(model)
        bounds = [
            at_most(
                self._config.prices[name],
                input_tokens=input_tokens + more_for_pictures(request.body, name),
                output_tokens=request.output_tokens,
            )
            for name in (model, fallback)
            if name is not None
        ]
        return Spend(max(bound.tokens for bound in bounds), max(bound.nano_usd for bound in bounds))

    def _done(self, outcome: Outcome) -> None:
        """Count and trace a finished request."""
        saved = spend(self._config.prices[outcome.model], outcome.usage) if outcome.hit and outcome.model else Spend()
        self._tally.count(outcome, saved_nano_usd=saved.nano_usd)
        if self._tracer is not None:
            self._tracer.record(outcome)


def _signed_by(response: Mapping[str, Any], models: tuple[str, ...]) -> str | None:
    """Which of our models a stored answer is from; the provider signs with a dated name (gpt-4o-2024-08-06)."""
    name = str(response.get("model") or "")
    return max((model for model in models if name.startswith(model)), key=len, default=None)


def _any(body: Mapping[str, Any], *names: str) -> bool:
    return any(body.get(name) not in (None, [], 1) for name in names)
