"""Traces: bounded, counted, complete."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence

import pytest
from llm_gateway import tracing
from llm_gateway.config import Langfuse, Team
from llm_gateway.environment import LangfuseAccess
from llm_gateway.outcome import Outcome
from llm_gateway.pricing import Spend
from llm_gateway.tracing import LONGEST_TEXT, Tracer, attributes, connect
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

SETTINGS = Langfuse("HOST", "PUBLIC", "SECRET", environment="test", content=True, queue=50)
TEAM = Team("shop", "SHOP_KEY", 1, 1, 1)


class Langfuses(SpanExporter):
    """Takes spans, or refuses, raises or hangs until told otherwise."""

    def __init__(self) -> None:
        self.taken: list[ReadableSpan] = []
        self.open = threading.Event()
        self.refusing = False
        self.tries = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.tries += 1
        self.open.wait(10)
        if self.refusing:
            raise ConnectionError
        self.taken += spans
        return SpanExportResult.SUCCESS


@pytest.fixture
def langfuse() -> Iterator[Langfuses]:
    exporter = Langfuses()
    yield exporter
    exporter.open.set()


def test_a_stop_sends_what_is_waiting(langfuse: Langfuses) -> None:
    langfuse.open.set()
    tracer = Tracer(SETTINGS, langfuse)
    for _ in range(40):
        tracer.record(Outcome(TEAM))
    counts = tracer.close(5)
    assert (counts.sent, counts.lost, counts.waiting) == (40, 0, 0)
    assert len(langfuse.taken) == 40


def test_a_full_queue_drops_and_counts_and_never_waits(langfuse: Langfuses) -> None:
    tracer = Tracer(SETTINGS, langfuse)
    for _ in range(200):
        tracer.record(Outcome(TEAM))
    counts = tracer.counts()
    assert counts.waiting <= SETTINGS.queue
    assert counts.lost + counts.waiting == 200
    langfuse.open.set()
    assert tracer.close(5).sent == counts.waiting


def test_long_texts_fill_the_queue_by_their_bytes(langfuse: Langfuses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "MOST_BYTES", 1_000_000)
    tracer = Tracer(SETTINGS, langfuse)
    for _ in range(SETTINGS.queue):
        tracer.record(Outcome(TEAM, messages=[{"role": "user", "content": "\N{GRINNING FACE}" * LONGEST_TEXT}]))
    counts = tracer.counts()
    assert counts.waiting_bytes <= 1_000_000
    assert 10 <= counts.waiting <= 1_000_000 // (4 * LONGEST_TEXT)
    assert counts.lost + counts.waiting == SETTINGS.queue
    langfuse.open.set()
    assert tracer.close(5).sent == counts.waiting


def test_while_langfuse_refuses_new_traces_cause_no_further_tries(langfuse: Langfuses) -> None:
    langfuse.refusing = True
    langfuse.open.set()
    tracer = Tracer(Langfuse("HOST", "PUBLIC", "SECRET", environment="test", content=True, queue=5000), langfuse)
    deadline = time.monotonic() + 10
    while not langfuse.tries:
        tracer.record(Outcome(TEAM))
        assert time.monotonic() < deadline
    for _ in range(2 * tracing.BATCH):
        tracer.record(Outcome(TEAM))
        # That nothing happens cannot be awaited: with each trace the delivering thread gets a chance to try again.
        time.sleep(0.001)
    assert langfuse.tries <= 2
    assert tracer.counts().lost == 0
    tracer.close(5)


def test_what_a_dead_langfuse_never_took_counts_as_lost_at_the_stop(langfuse: Langfuses) -> None:
    langfuse.refusing = True
    langfuse.open.set()
    tracer = Tracer(SETTINGS, langfuse)
    for _ in range(7):
        tracer.record(Outcome(TEAM))
    assert tracer.close(5).lost == 7


def test_a_trace_says_what_happened() -> None:
    outcome = Outcome(TEAM, asked="mini", model="big", tier="miss", escalated=True, fallback="500 broken")
    outcome.usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    outcome.spend, outcome.overhead = Spend(7, 2_000), Spend(1, 500)
    outcome.response = {"choices": [{"message": {"role": "assistant", "content": "hello"}}]}
    outcome.messages = [{"role": "user", "content": "x" * (2 * LONGEST_TEXT)}]
    made = attributes(outcome, SETTINGS)
    observation = "langfuse.observation."
    assert json.loads(made[observation + "cost_details"]) == {"total": 2.5e-06}
    assert json.loads(made[observation + "usage_details"]) == {"input": 5, "output": 2, "total": 7}
    assert made[observation + "model.name"] == "big"
    assert made[observation + "metadata.cache_hit"] is False
    assert made[observation + "metadata.fallback"] is made[observation + "metadata.escalated"] is True
    assert made[observation + "metadata.team"] == "shop"
    assert len(made[observation + "input"]) < LONGEST_TEXT + 10
    assert "hello" in made[observation + "output"]


def test_content_can_be_kept_out_of_traces() -> None:
    quiet = Langfuse("HOST", "PUBLIC", "SECRET", environment="test", content=False, queue=50)
    outcome = Outcome(TEAM, messages=[{"role": "user", "content": "a secret"}])
    assert "a secret" not in str(attributes(outcome, quiet))


def test_an_error_has_no_cache_hit_so_that_the_hit_rate_stays_true() -> None:
    made = attributes(Outcome(TEAM, error="broken"), SETTINGS)
    assert made["langfuse.observation.level"] == "ERROR"
    assert "langfuse.observation.metadata.cache_hit" not in made


def test_a_tracer_connects_to_nothing_before_it_has_something_to_send() -> None:
    tracer = connect(SETTINGS, LangfuseAccess("http://127.0.0.1:9", "pk", "sk"))
    assert tracer.close(5).lost == 0
