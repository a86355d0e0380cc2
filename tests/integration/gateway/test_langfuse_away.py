"""Langfuse away for an hour, or refusing a trace, by the real exporter against a real process; the hour's traces come
as fast as they can.

The same through whole gateways, with the delay of each request and the process's memory: `./inv dev.bench traces`.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, SpanKind

from tests.gateway.conftest import GATEWAY
from tests.gateway.valkey_server import ValkeyServer
from tests.integration.gateway.harness import GatewayProcess, Provider, configuration, wait_until
from tests.integration.gateway.sink import REFUSED, SinkProcess

assert GATEWAY  # Its import makes the gateway's package importable.

from llm_gateway.config import Langfuse, Team  # noqa: E402
from llm_gateway.environment import LangfuseAccess  # noqa: E402
from llm_gateway.outcome import Outcome  # noqa: E402
from llm_gateway.tracing import tracer as tracing  # noqa: E402
from llm_gateway.tracing.export import TIMEOUT_S, Otlp, Verdict  # noqa: E402

from tests.integration.gateway.rates import traces_an_hour  # noqa: E402

QUEUE = 2048
"""As rendered into production's configuration."""
TEAM = Team("shop", "SHOP_KEY", 1, 1, 1)


@pytest.fixture
def sink() -> Iterator[SinkProcess]:
    with SinkProcess() as process:
        yield process


def outcome(text: str) -> Outcome:
    return Outcome(TEAM, input=[{"role": "user", "content": text}])


@pytest.mark.parametrize("how", ["gone", "frozen"])
def test_an_hour_of_traces_stays_within_the_bounds_and_every_one_is_accounted_for(
    sink: SinkProcess, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "RETRY_S", 0.2)
    made = traces_an_hour()
    assert made > 10 * QUEUE
    settings = Langfuse("HOST", "PUBLIC", "SECRET", environment="test", content=True, queue=QUEUE)
    tracer = tracing.Tracer(settings, Otlp(LangfuseAccess(sink.url, "pk", "sk"), timeout_s=0.5))
    first = outcome("before")
    tracer.record(first)
    wait_until(lambda: tracer.counts().sent == 1)  # its arrival is seen a moment before the answer to it is

    if how == "gone":
        sink.stop()
    else:
        sink.freeze()
    long, ids = "x" * 2 * tracing.LONGEST_TEXT, []
    for _ in range(made):
        each = outcome(long)
        ids.append(each.id)
        tracer.record(each)
        counts = tracer.counts()
        assert counts.waiting <= QUEUE
        assert counts.waiting_bytes <= tracing.MOST_BYTES
    counts = tracer.counts()
    kept = counts.waiting
    # Such long texts reach the bound of bytes a little before that of numbers.
    assert 0.9 * QUEUE < kept <= QUEUE
    assert (counts.sent, counts.lost) == (1, made - kept)

    if how == "gone":
        sink.start()
    else:
        sink.resume()
    wait_until(lambda: tracer.counts().waiting == 0, 60)
    last = outcome("afterwards")
    tracer.record(last)
    wait_until(lambda: sink.arrived()[last.id] == 1)
    arrived, counts = sink.arrived(), tracer.close(5)
    # A batch whose answer did not come in time is sent again under the same ids, which Langfuse counts once.
    assert set(arrived) == {first.id, *ids[:kept], last.id}
    assert (counts.sent, counts.lost) == (len(arrived), made - kept)
    assert counts.sent + counts.lost == made + 2


def test_a_trace_that_can_never_be_sent_holds_up_no_other(sink: SinkProcess) -> None:
    settings = Langfuse("HOST", "PUBLIC", "SECRET", environment="test", content=True, queue=QUEUE)
    tracer = tracing.connect(settings, LangfuseAccess(sink.url, "pk", "sk"))
    before, bad, after = outcome("before"), outcome(REFUSED.decode()), outcome("after")
    for each in (before, bad, after):
        tracer.record(each)
    wait_until(lambda: tracer.counts().waiting == 0)
    counts = tracer.close(5)
    assert (counts.sent, counts.lost) == (2, 1)
    assert set(sink.arrived()) == {before.id, after.id}


def test_half_a_character_is_no_obstacle(sink: SinkProcess) -> None:
    half = outcome("cut off: \ud83d")
    half.error = half.end_user = half.model = "\ud83d"
    settings = Langfuse("HOST", "PUBLIC", "SECRET", environment="test", content=True, queue=QUEUE)
    tracer = tracing.connect(settings, LangfuseAccess(sink.url, "pk", "sk"))
    tracer.record(half)
    wait_until(lambda: sink.arrived()[half.id] == 1)
    assert tracer.close(5).sent == 1


def test_the_exporter_tells_refusal_from_absence(sink: SinkProcess) -> None:
    def span(name: str) -> ReadableSpan:
        return ReadableSpan(name, SpanContext(1, 2, is_remote=False), kind=SpanKind.SERVER, start_time=1, end_time=2)

    exporter = Otlp(LangfuseAccess(sink.url, "pk", "sk"), timeout_s=0.5)
    assert exporter.export([span("a trace")]) is Verdict.TAKEN
    assert exporter.export([span(REFUSED.decode())]) is Verdict.REFUSED
    assert exporter.export([span("not to be encoded: \ud83d")]) is Verdict.REFUSED
    sink.stop()
    assert exporter.export([span("a trace")]) is Verdict.AWAY
    assert exporter.export([span(REFUSED.decode())]) is Verdict.AWAY
    sink.start()
    assert exporter.export([span("a trace")]) is Verdict.TAKEN
    exporter.shutdown()


def test_a_gateway_goes_on_answering_and_sends_new_traces_when_langfuse_is_back(
    sink: SinkProcess, provider: Provider, word: str
) -> None:
    config, requests = copy.deepcopy(configuration()), 120
    config["gateway"]["callbacks"]["langfuse"]["queue"] = 20
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": f"about {word}"}]}
    with (
        ValkeyServer() as valkey,
        GatewayProcess(
            redis_url=valkey.url, provider_url=provider.base_url, provider_key=provider.key, config=config,
            langfuse_url=sink.url,
        ) as gateway,
        gateway.client("admin") as client,
        gateway.operator() as operator,
    ):  # fmt: skip

        def counts() -> dict[str, int]:
            return dict(operator.get("/gateway/admin/status").json()["traces"])

        sink.freeze()
        asked = [client.post("/v1/chat/completions", json=body) for _ in range(requests)]
        assert [answer.status_code for answer in asked] == [200] * requests
        # None of them waited for what waits for Langfuse.
        assert max(answer.elapsed.total_seconds() for answer in asked) < TIMEOUT_S
        said = counts()
        assert (said["sent"], said["lost"], said["waiting"]) == (0, requests - 20, 20)
        sink.resume()
        wait_until(lambda: counts()["waiting"] == 0, 30)
        new = client.post("/v1/chat/completions", json=body).headers["x-gateway-request-id"]
        wait_until(lambda: sink.arrived()[new] == 1)
        began = time.monotonic()
        gateway.stop()
        assert time.monotonic() - began < 15
        assert set(sink.arrived()) == {*(answer.headers["x-gateway-request-id"] for answer in asked[:20]), new}
