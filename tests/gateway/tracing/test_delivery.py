"""Whether traces arrived: the sums of whole hours, and what is said when Langfuse cannot be asked."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from llm_gateway.environment import LangfuseAccess
from llm_gateway.store import StoreUnavailable
from llm_gateway.tracing.delivery import HOUR_S, Delivered, Delivery

NOW = 500_000 * HOUR_S + 1800.0
"""Half past, so that the last whole hour is settled."""
HOUR = int(NOW) // HOUR_S


class Asked:
    """A Langfuse that answers as it is told, and keeps the questions."""

    def __init__(self) -> None:
        self.status, self.body = 200, json.dumps({"data": [{"count_count": 12}]})
        self.queries: list[dict[str, Any]] = []
        self.keys: list[str] = []
        asked = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                assert parts.path == "/api/public/v2/metrics"
                asked.queries.append(json.loads(parse_qs(parts.query)["query"][0]))
                asked.keys.append(self.headers["authorization"])
                self.send_response(asked.status)
                self.end_headers()
                self.wfile.write(asked.body.encode())

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def langfuse() -> Iterator[Asked]:
    asked = Asked()
    thread = threading.Thread(target=asked.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield asked
    asked.server.shutdown()
    thread.join()
    asked.server.server_close()


def delivery(url: str, hours: Mapping[int, Mapping[str, int]], now: float = NOW) -> Delivery:
    """Of two teams that did the same."""

    async def history(team: str, days: int) -> Mapping[int, Mapping[str, int]]:
        first = int(now) // HOUR_S // 24 - days + 1
        return {hour: named for hour, named in hours.items() if hour // 24 >= first}

    return Delivery(LangfuseAccess(url, "pk", "a-secret"), ["sales", "care"], history, clock=lambda: now)


def test_the_last_three_whole_hours_are_compared(langfuse: Asked) -> None:
    """L2: what Langfuse took and did not keep is missing, whatever it answered when it was sent."""
    hours = {
        HOUR: {"miss": 1000},
        HOUR - 1: {"miss": 2, "exact": 3, "judge_calls": 50, "frozen": 7, "uncached": 2},
        HOUR - 3: {"failed": 1, "limited": 1, "malformed": 1},
        HOUR - 4: {"miss": 1000},
    }
    made = delivery(langfuse.url, hours)
    asyncio.run(made.look())
    assert made.last == Delivered((HOUR - 3) * HOUR_S, HOUR * HOUR_S, 2 * 8, 12), made.why
    query = langfuse.queries[0]
    assert (query["fromTimestamp"], query["toTimestamp"]) == ("2027-01-15T05:00:00Z", "2027-01-15T08:00:00Z")
    assert query["filters"][1]["value"] == ["team:sales", "team:care"]
    assert langfuse.keys == ["Basic cGs6YS1zZWNyZXQ="]


def test_an_hour_that_has_just_ended_is_not_looked_at_yet_and_midnight_is_no_border(langfuse: Asked) -> None:
    midnight = HOUR // 24 * 24
    made = delivery(langfuse.url, {midnight - 1: {"miss": 5}, midnight - 2: {"miss": 1}}, midnight * HOUR_S + 599.0)
    asyncio.run(made.look())
    assert made.last is not None
    assert (made.last.end_s, made.last.counted) == ((midnight - 1) * HOUR_S, 2)
    made = delivery(langfuse.url, {midnight - 1: {"miss": 5}, midnight - 2: {"miss": 1}}, midnight * HOUR_S + 600.0)
    asyncio.run(made.look())
    assert made.last is not None
    assert made.last.counted == 12


@pytest.mark.parametrize(
    ("status", "body"),
    [(401, "{}"), (200, "not JSON"), (200, '{"data": 3}'), (200, '{"data": [{}]}'), (302, "")],
)
def test_an_answer_that_is_none_is_not_taken_for_no_trace(langfuse: Asked, status: int, body: str) -> None:
    made = delivery(langfuse.url, {HOUR - 1: {"miss": 5}})
    asyncio.run(made.look())
    langfuse.status, langfuse.body = status, body
    asyncio.run(made.look())
    assert (made.last, made.failed) == (None, True)
    assert "Langfuse" in made.why
    assert "a-secret" not in made.why


@pytest.mark.parametrize(("body", "shown"), [('{"data": []}', 0), ('{"data": [{"count_count": "7"}]}', 7)])
def test_no_row_is_no_trace_and_a_count_may_be_a_text(langfuse: Asked, body: str, shown: int) -> None:
    langfuse.body = body
    made = delivery(langfuse.url, {})
    asyncio.run(made.look())
    assert made.last is not None
    assert made.last.shown == shown


def test_without_redis_it_is_not_known(langfuse: Asked) -> None:
    async def history(team: str, days: int) -> Mapping[int, Mapping[str, int]]:
        raise StoreUnavailable("Redis is away")

    made = Delivery(LangfuseAccess(langfuse.url, "pk", "sk"), ["sales"], history, clock=lambda: NOW)
    assert made.why
    assert not made.failed
    asyncio.run(made.look())
    assert (made.last, made.failed, made.why) == (None, True, "Redis is away")
    langfuse.server.server_close()
