"""Traces: bounded, counted, complete."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
import requests
from llm_gateway.config import Langfuse, Team
from llm_gateway.environment import LangfuseAccess
from llm_gateway.limits.pricing import Spend
from llm_gateway.outcome import Outcome
from llm_gateway.tracing import tracer as tracing
from llm_gateway.tracing.export import TIMEOUT_S, Otlp, Verdict
from llm_gateway.tracing.tracer import LONGEST_TEXT, Tracer, attributes, connect
from opentelemetry.sdk.trace import ReadableSpan

from tests.integration.gateway.harness import wait_until

SETTINGS = Langfuse("HOST", "PUBLIC", "SECRET", environment="test", content=True, queue=50)
TEAM = Team("shop", "SHOP_KEY", 1, 1, 1)
USER = "user.id"
Attributes = Mapping[str, object]


class Langfuses:
    """Takes traces, is away, hangs, or refuses some for good."""

    def __init__(self) -> None:
        self.taken: list[ReadableSpan] = []
        self.open = threading.Event()
        self.away = False
        self.refused: Callable[[Attributes], bool] = lambda about: False
        self.tries = 0

    def export(self, batch: Sequence[ReadableSpan]) -> Verdict:
        self.tries += 1
        self.open.wait(10)
        if self.away:
            return Verdict.AWAY
        if any(self.refused(span.attributes or {}) for span in batch):
            return Verdict.REFUSED
        self.taken += batch
        return Verdict.TAKEN

    def shutdown(self) -> None:
        return


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


def test_what_comes_while_a_batch_is_sent_waits_for_a_batch_of_its_own(
    langfuse: Langfuses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "EVERY_S", 0.05)
    tracer = Tracer(SETTINGS, langfuse)
    tracer.record(Outcome(TEAM))
    wait_until(lambda: langfuse.tries == 1)  # It is being sent, until the end is let happen.
    monkeypatch.setattr(tracing, "EVERY_S", 30)
    for _ in range(5):
        tracer.record(Outcome(TEAM))
    langfuse.open.set()
    wait_until(lambda: tracer.counts().sent == 1)
    assert tracer.counts().waiting == 5
    tracer.close(5)
    assert (langfuse.tries, len(langfuse.taken)) == (2, 6)


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
        tracer.record(Outcome(TEAM, input=[{"role": "user", "content": "\N{GRINNING FACE}" * LONGEST_TEXT}]))
    counts = tracer.counts()
    assert counts.waiting_bytes <= 1_000_000
    assert 10 <= counts.waiting <= 1_000_000 // (4 * LONGEST_TEXT)
    assert counts.lost + counts.waiting == SETTINGS.queue
    langfuse.open.set()
    assert tracer.close(5).sent == counts.waiting


def test_while_langfuse_is_away_new_traces_cause_no_further_tries(langfuse: Langfuses) -> None:
    langfuse.away = True
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
    langfuse.away = True
    langfuse.open.set()
    tracer = Tracer(SETTINGS, langfuse)
    for _ in range(7):
        tracer.record(Outcome(TEAM))
    assert tracer.close(5).lost == 7


def is_bad(about: Attributes) -> bool:
    return "bad" in str(about[USER])


def record(tracer: Tracer, *users: str) -> None:
    for user in users:
        outcome = Outcome(TEAM)
        outcome.end_user = user
        tracer.record(outcome)


def test_a_trace_that_is_refused_for_good_is_lost_alone(langfuse: Langfuses) -> None:
    tracer = Tracer(SETTINGS, langfuse)
    record(tracer, "a", "bad 1", "b", "bad 2", "c")
    langfuse.refused = is_bad
    langfuse.open.set()
    counts = tracer.close(5)
    assert (counts.sent, counts.lost) == (3, 2)
    assert sorted(str((span.attributes or {})[USER]) for span in langfuse.taken) == ["a", "b", "c"]


def test_refused_ones_by_the_batch_hold_nobody_up(langfuse: Langfuses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "RETRY_S", 0.01)
    monkeypatch.setattr(tracing, "BATCH", 5)
    tracer = Tracer(SETTINGS, langfuse)
    record(tracer, *(f"bad {number}" for number in range(15)), "good")
    langfuse.refused = is_bad
    langfuse.open.set()
    wait_until(lambda: tracer.counts().waiting == 0)
    counts = tracer.close(5)
    assert (counts.sent, counts.lost) == (1, 15)


def test_a_langfuse_that_refuses_everything_loses_nothing(langfuse: Langfuses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "RETRY_S", 0.01)
    langfuse.refused = lambda about: True
    langfuse.open.set()
    tracer = Tracer(SETTINGS, langfuse)
    record(tracer, *map(str, range(10)))
    wait_until(lambda: langfuse.tries > 100)
    assert tracer.counts().waiting == 10
    langfuse.refused = lambda about: False
    wait_until(lambda: tracer.counts().waiting == 0)
    assert tracer.close(5).sent == 10


def test_a_single_refused_trace_waits_until_another_was_taken(
    langfuse: Langfuses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "RETRY_S", 0.01)
    langfuse.refused = is_bad
    langfuse.open.set()
    tracer = Tracer(SETTINGS, langfuse)
    record(tracer, "bad")
    wait_until(lambda: langfuse.tries > 3)
    assert tracer.counts().waiting == 1
    record(tracer, "good")
    wait_until(lambda: tracer.counts().waiting == 0)
    counts = tracer.close(5)
    assert (counts.sent, counts.lost) == (1, 1)


def test_what_is_left_when_langfuse_goes_away_in_the_middle_waits(
    langfuse: Langfuses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "RETRY_S", 0.01)
    tracer = Tracer(SETTINGS, langfuse)
    record(tracer, "a", "bad", "b", "leaves", "c")

    def refused(about: Attributes) -> bool:
        langfuse.away = about[USER] == "leaves"
        return is_bad(about)

    langfuse.refused = refused
    langfuse.open.set()
    wait_until(lambda: langfuse.away)
    langfuse.refused = is_bad
    langfuse.away = False
    wait_until(lambda: tracer.counts().waiting == 0)
    counts = tracer.close(5)
    assert (counts.sent, counts.lost) == (4, 1)


def test_a_trace_says_what_happened() -> None:
    outcome = Outcome(TEAM, requested_model="mini", model="big", tier="miss", escalated=True, fallback="500 broken")
    outcome.usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    outcome.spend, outcome.overhead = Spend(7, 2_000), Spend(1, 500)
    outcome.answer = {"choices": [{"message": {"role": "assistant", "content": "hello"}}]}
    outcome.input = [{"role": "user", "content": "x" * (2 * LONGEST_TEXT)}]
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
    outcome = Outcome(TEAM, input=[{"role": "user", "content": "a secret"}])
    assert "a secret" not in str(attributes(outcome, quiet))


def test_an_error_has_no_cache_hit_so_that_the_hit_rate_stays_true() -> None:
    made = attributes(Outcome(TEAM, error="broken"), SETTINGS)
    assert made["langfuse.observation.level"] == "ERROR"
    assert "langfuse.observation.metadata.cache_hit" not in made


def test_a_tracer_connects_to_nothing_before_it_has_something_to_send() -> None:
    tracer = connect(SETTINGS, LangfuseAccess("http://127.0.0.1:9", "pk", "sk"))
    assert tracer.close(5).lost == 0


def test_l5_a_slow_langfuse_is_waited_for_rather_than_sent_the_same_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it took but was slow to confirm would count twice: it took 18 s with 30 s of a frozen ClickHouse."""
    waits = []

    def send(self: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        waits.append(options["timeout"])
        taken = requests.Response()
        taken.status_code = 200
        return taken

    monkeypatch.setattr(requests.Session, "send", send)
    assert Otlp(LangfuseAccess("http://langfuse.invalid", "pk", "sk")).export([]) is Verdict.TAKEN
    assert waits == [pytest.approx(TIMEOUT_S, rel=0.1)]
    assert TIMEOUT_S == 30


def test_l8_spans_are_of_a_scope_whose_attributes_langfuse_keeps_once() -> None:
    langfuse = Langfuses()
    langfuse.open.set()
    tracer = Tracer(SETTINGS, langfuse)
    tracer.record(Outcome(TEAM))
    tracer.close(10)
    (span,) = langfuse.taken
    assert span.instrumentation_scope is not None
    assert span.instrumentation_scope.name.startswith("langfuse-sdk")
