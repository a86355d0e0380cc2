"""Traces to Langfuse over OTLP: one observation per request, cache hits and refusals included.

Requests only append to a bounded queue. A thread sends batches and keeps trying while Langfuse is away; when the
queue is full, new traces are dropped and counted. A trace that Langfuse refuses while it takes its neighbours is
dropped and counted too: it would hold up all that come after it. `close` sends what is left.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from ..config import Langfuse
from ..environment import LangfuseAccess
from ..outcome import Outcome
from ..settings import NANO
from .export import Exporter, Otlp, Verdict
from .queue import Counts, TraceQueue

__all__ = ["Counts", "Tracer", "attributes", "connect"]

log = logging.getLogger(__name__)

SCOPE = InstrumentationScope("langfuse-sdk-llm-gateway", "1.0.0")
"""So named, since of spans of any other scope Langfuse keeps all attributes a second time, as metadata."""
BATCH = 256
BATCH_BYTES = 512 * 1024
"""In memory; sent it is at most twice that, so that no server or proxy on the way finds a batch too large."""
MOST_BYTES = 64 * 1024 * 1024
"""What waits takes no more memory than this, however long and in whatever script the texts are."""
TRACE_BYTES = 2048
"""What a trace takes beside its texts (measured: 1.5 kB)."""
EVERY_S = 1.0
RETRY_S = 5.0
LONGEST_TEXT = 16_000
"""Characters of a question or an answer that a trace keeps."""
LONGEST_LABEL = 200
"""Characters of a name or a setting; Langfuse takes no longer user id."""


class Tracer:
    """Turns outcomes into Langfuse observations and delivers them from a thread of its own."""

    def __init__(self, settings: Langfuse, exporter: Exporter) -> None:
        self._settings, self._exporter = settings, exporter
        self._resource = Resource({"service.name": "llm-gateway"})
        self._queue: TraceQueue[ReadableSpan] = TraceQueue(settings.queue, MOST_BYTES)
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._reachable = True
        self._suspects: dict[int, int] = {}  # refused traces: how many had been sent when that happened first
        self._thread = threading.Thread(target=self._deliver, name="traces", daemon=True)
        self._thread.start()

    def record(self, outcome: Outcome) -> None:
        """Queue the trace of a finished request; never waits, never raises for a full queue."""
        if self._queue.full():
            self._queue.lose()
            return
        span = self._span(outcome)
        self._queue.put(span, _size(span))
        if len(self._queue) >= BATCH and self._reachable:
            self._wake.set()

    def counts(self) -> Counts:
        """How many traces were sent, were lost, and wait."""
        return self._queue.counts()

    def close(self, timeout_s: float) -> Counts:
        """Send what is waiting, for at most `timeout_s` seconds; what is left then counts as lost."""
        self._closing.set()
        self._wake.set()
        self._thread.join(timeout_s)
        counts = self.counts()
        if counts.waiting:
            log.warning("traces: %d were not delivered before the stop", counts.waiting)
        return Counts(counts.sent, counts.lost + counts.waiting, 0)

    def _deliver(self) -> None:
        while True:
            if not self._closing.is_set():
                self._wake.wait(EVERY_S if self._reachable else RETRY_S)
                self._wake.clear()
            closing = self._closing.is_set()
            # What comes while these are sent waits for a batch of its own, except at the end: else they would be small.
            due = len(self._queue)
            while (due > 0 or closing) and (batch := self._queue.take(BATCH, BATCH_BYTES)):
                due -= len(batch)
                delivered = self._send(batch)
                if delivered != self._reachable:
                    log.warning("traces: Langfuse %s", "takes them again" if delivered else "does not take them")
                self._reachable = delivered
                if not delivered:
                    break
            if closing:
                self._exporter.shutdown()
                return

    def _send(self, batch: Sequence[ReadableSpan]) -> bool:
        """Deliver the batch that was taken, and settle it; False if Langfuse takes nothing now."""
        verdict = self._exporter.export(batch)
        if verdict is Verdict.TAKEN:
            self._queue.delivered()
        elif verdict is Verdict.REFUSED:
            return self._send_singly(batch)
        return verdict is Verdict.TAKEN

    def _send_singly(self, batch: Sequence[ReadableSpan]) -> bool:
        """Find out which of a refused batch it is.

        A trace is lost only once Langfuse has taken another since it refused this one: a Langfuse that refuses
        everything is an operator's to mend, and until then all of them wait, those that come after first.
        """
        before = self._queue.counts().sent
        verdicts: list[Verdict] = []
        for span in batch:
            verdict = self._exporter.export([span]) if len(batch) > 1 else Verdict.REFUSED
            if verdict is Verdict.AWAY:
                break
            verdicts.append(verdict)
        sent = before + verdicts.count(Verdict.TAKEN)
        fates = [self._fate(span, verdict, before, sent) for span, verdict in zip(batch, verdicts, strict=False)]
        self._queue.settle([*fates, *[None] * (len(batch) - len(fates))])
        self._queue.postpone()
        if refused := fates.count(False):
            log.warning("traces: Langfuse takes others but refuses %d, which are lost", refused)
        return any(fate is not None for fate in fates)

    def _fate(self, span: ReadableSpan, verdict: Verdict, before: int, sent: int) -> bool | None:
        """Whether a trace sent by itself has arrived (True), is lost (False) or waits (None).

        Args:
            before, sent: how many had arrived before this round, and after it.
        """
        identity = span.context.trace_id if span.context else 0
        if verdict is Verdict.REFUSED and sent <= self._suspects.setdefault(identity, before):
            return None
        self._suspects.pop(identity, None)
        return verdict is Verdict.TAKEN

    def _span(self, outcome: Outcome) -> ReadableSpan:
        failed = outcome.error is not None
        return ReadableSpan(
            name=f"{outcome.kind} {outcome.team.name}",
            context=SpanContext(
                trace_id=int(outcome.id, 16),
                span_id=int(outcome.id[:16], 16) or 1,
                is_remote=False,
                trace_flags=TraceFlags(TraceFlags.SAMPLED),
            ),
            resource=self._resource,
            instrumentation_scope=SCOPE,
            attributes=attributes(outcome, self._settings),
            kind=SpanKind.SERVER,
            status=Status(StatusCode.ERROR, _whole(outcome.error)) if failed else Status(StatusCode.OK),
            start_time=outcome.started_ns,
            end_time=time.time_ns(),
        )


def attributes(outcome: Outcome, settings: Langfuse) -> dict[str, Any]:
    """A request as Langfuse reads it (attribute names: Langfuse v4, packages/shared/src/server/otel)."""
    team, level = outcome.team.name, "ERROR" if outcome.error else "WARNING" if outcome.warning else "DEFAULT"
    about = {
        "team": team,
        "tier": outcome.tier,
        "requested_model": outcome.requested_model,
        "escalated": outcome.escalated,
        "fallback": outcome.fallback is not None,
        "fallback_reason": outcome.fallback,
        "similarity": outcome.similarity,
        "similarity_by": outcome.served_by,
        "cache_entry": outcome.entry_id,
        "stream": outcome.stream,
        "status": outcome.status,
        # The part of the cost that is embeddings and judge.
        "cache_cost_usd": (outcome.overhead + outcome.judged).nano_usd / NANO,
        # Known for answers only, so that hit rate = true / (true + false).
        "cache_hit": None if outcome.answer is None else outcome.hit,
    }
    made = {
        "langfuse.environment": settings.environment,
        "langfuse.trace.name": outcome.kind,
        "langfuse.trace.tags": [f"team:{team}", f"cache:{outcome.tier}"],
        "langfuse.observation.type": "embedding" if outcome.kind == "embeddings" else "generation",
        "langfuse.observation.level": level,
        "langfuse.observation.status_message": outcome.error or outcome.warning,
        "langfuse.observation.model.name": outcome.model,
        "langfuse.observation.model.parameters": json.dumps(
            {name: _label(value) if isinstance(value, str) else value for name, value in outcome.parameters.items()}
        ),
        "langfuse.observation.usage_details": json.dumps(_usage(outcome.usage)),
        "langfuse.observation.cost_details": json.dumps({"total": outcome.total.nano_usd / NANO}),
        "user.id": _label(outcome.end_user),
        "session.id": outcome.metadata.get("session_id"),
        **{f"langfuse.observation.metadata.{name}": value for name, value in about.items()},
        **{f"langfuse.observation.metadata.client.{name}": value for name, value in outcome.metadata.items()},
    }
    if outcome.first_token_ns is not None:
        began = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(outcome.first_token_ns / NANO))
        made["langfuse.observation.completion_start_time"] = f"{began}.{outcome.first_token_ns % NANO // 1000:06d}Z"
    if settings.content:
        made["langfuse.observation.input"] = _shortened(outcome.input)
        made["langfuse.observation.output"] = _shortened(_message(outcome.answer))
    return {name: _whole(value) for name, value in made.items() if value is not None}


def _whole(value: Any) -> Any:
    """A text that can be sent: half a character, which a provider's JSON may hold, becomes a question mark."""
    if not isinstance(value, str) or value.isascii():
        return value
    return value.encode("utf-8", "replace").decode()


def _size(span: ReadableSpan) -> int:
    """Bytes of memory a trace takes, about."""
    return TRACE_BYTES + sum(map(sys.getsizeof, (span.attributes or {}).values()))


def _usage(usage: Mapping[str, Any]) -> dict[str, int]:
    named = {"input": "prompt_tokens", "output": "completion_tokens", "total": "total_tokens"}
    return {ours: int(usage[theirs]) for ours, theirs in named.items() if usage.get(theirs) is not None}


def _message(answer: Any) -> Any:
    """What the model said, without the envelope: the first choice's message, or the output of a response."""
    if not isinstance(answer, Mapping):
        return answer
    choices = answer.get("choices") or [None]
    return choices[0].get("message") if isinstance(choices[0], Mapping) else answer.get("output")


def _label(text: str | None) -> str | None:
    return None if text is None else text[:LONGEST_LABEL]


def _shortened(value: Any) -> str | None:
    """A value as JSON, as far as a trace keeps it; what comes after that is never even encoded."""
    if value is None:
        return None
    text = json.dumps(_clipped(value, [LONGEST_TEXT + 1]), ensure_ascii=False)
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + " …"


def _clipped(value: Any, budget: list[int]) -> Any:
    """A value without what lies more than so many characters behind its beginning. `budget`: what is left of them."""
    budget[0] -= 1
    if isinstance(value, str):
        kept = value[: max(0, budget[0])]
        budget[0] -= len(kept)
        return kept if len(kept) == len(value) else kept + "…"
    if isinstance(value, Mapping):
        shown = {}
        for name, inner in value.items():
            if budget[0] <= 0:
                break
            budget[0] -= len(name)
            shown[name] = _clipped(inner, budget)
        return shown
    if isinstance(value, list | tuple):
        items = []
        for inner in value:
            if budget[0] <= 0:
                break
            items.append(_clipped(inner, budget))
        return items
    return value


def connect(settings: Langfuse, access: LangfuseAccess) -> Tracer:
    """A tracer for a Langfuse project. Nothing is sent yet."""
    return Tracer(settings, Otlp(access))
