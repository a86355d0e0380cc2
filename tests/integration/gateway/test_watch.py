"""The watch as it ships: its start script, a real Redis, a real mail server, and a gateway that a test makes up."""

from __future__ import annotations

import json
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.gateway.mail_server import MailServer
from tests.gateway.valkey_server import ValkeyServer
from tests.integration.gateway.watching import WAIT_S, WatchProcess

EVERY_S = 0.2
METRICS = """\
# TYPE gateway_request_seconds histogram
gateway_request_seconds_bucket{team="sales",tier="miss",le="0.5"} 10
gateway_request_seconds_bucket{team="sales",tier="miss",le="+Inf"} 10
gateway_traces_waiting 0
gateway_traces_total{result="lost"} 0
"""


class MadeUpGateway:
    """Answers as a gateway does whatever a test sets."""

    def __init__(self) -> None:
        self.usd = 1.0
        self.ready = True
        made_up = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = made_up.answer(self.path)
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, path: str) -> tuple[int, bytes]:
        if path == "/metrics":
            return 200, METRICS.encode()
        unanswered = {"failed": 0, "limited": 0, "malformed": 0}
        answers = dict.fromkeys(("exact", "semantic", "alias", "miss", "bypass"), 1)
        used = {"usd_today": self.usd}
        team = {"name": "sales", "limits": {"daily_usd": 100}, "used": used, "unanswered": unanswered}
        body: dict[str, Any] = {
            "/health/readiness": {} if self.ready else {"reasons": ["self-test: limits"]},
            "/gateway/admin/status": {"delivery": {"failed": False, "counted": 200, "shown": 200}},
            "/gateway/admin/teams": {"teams": [team]},
            "/gateway/admin/cache": {"teams": {"sales": {"answers": answers}}},
        }[path]
        return 200 if self.ready or path != "/health/readiness" else 503, json.dumps(body).encode()

    def __enter__(self) -> MadeUpGateway:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Watches(WatchProcess):
    """Watch processes on one Redis, one mail server and one gateway; each stands for a machine."""

    def __init__(self, valkey: ValkeyServer, mail: MailServer, gateway: MadeUpGateway) -> None:
        super().__init__(redis_url=valkey.url, master_key="k" * 32, gateway_url=gateway.url, mail=mail, every_s=EVERY_S)
        self.valkey, self.mail, self.gateway = valkey, mail, gateway

    def counts(self) -> tuple[int, int]:
        """How many alerts were written to have begun, and to be over; each mail once, however often it came."""
        ids = set(self.mail.ids())
        return sum(name.startswith("begin.spend") for name in ids), sum(name.startswith("over.spend") for name in ids)

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < deadline, (self.mail.ids(), self.log()[-2000:])
            time.sleep(0.02)


@pytest.fixture
def watches() -> Iterator[Watches]:
    with (
        ValkeyServer() as valkey,
        MailServer() as mail,
        MadeUpGateway() as gateway,
        Watches(valkey, mail, gateway) as made,
    ):
        yield made


@pytest.mark.timeout(150)
def test_off_on_and_on_another_machine_no_alert_is_lost_or_doubled(watches: Watches) -> None:
    first = watches.start()
    watches.gateway.usd = 70.0
    watches.until(lambda: watches.counts() == (1, 0))
    # Killed in the middle of an alert: another one ends it.
    watches.end(first, signal.SIGKILL)
    second, third = watches.start(), watches.start()
    watches.gateway.usd = 1.0
    watches.until(lambda: watches.counts() == (1, 1))
    # Stopped properly, in the middle of an alert.
    watches.gateway.usd = 70.0
    watches.until(lambda: watches.counts() == (2, 1))
    assert watches.end(second, signal.SIGTERM) == 0
    watches.gateway.usd = 1.0
    watches.until(lambda: watches.counts() == (2, 2))
    # The mail server is away, and the one that has the mail is killed.
    watches.mail.stop()
    watches.gateway.usd = 70.0
    watches.until(lambda: len(watches.once("--mails")[1]["waiting"]) == 1)
    watches.end(third, signal.SIGKILL)
    watches.gateway.usd = 1.0
    fourth = watches.start()
    watches.until(lambda: len(watches.once("--mails")[1]["waiting"]) == 2)
    watches.mail.start()
    # Its next try would come in half a minute.
    with watches.valkey.client() as redis:
        watches.end(fourth, signal.SIGTERM)
        state = json.loads(redis.get("gw:{watch}:state") or b"")
        state["state"]["retry"]["at"] = 0
        redis.set("gw:{watch}:state", json.dumps(state))
    watches.start()
    watches.until(lambda: watches.counts() == (3, 3))
    ids = watches.mail.ids()
    assert len(ids) == len(set(ids)) == 6, ids
    for name in ids:
        if name.startswith("over"):
            assert ids.index(name) > ids.index(name.replace("over", "begin"))


@pytest.mark.timeout(150)
def test_killed_at_any_moment_it_loses_nothing(watches: Watches) -> None:
    """A mail that the server took while the watch was killed may come again: then it is the same mail by its id."""
    moments = random.Random(14)
    for number in range(1, 3):
        for usd, expected in ((70.0, (number, number - 1)), (1.0, (number, number))):
            process = watches.start()
            watches.gateway.usd = usd
            time.sleep(moments.uniform(0.3, 1.2))
            watches.end(process, signal.SIGKILL)
            process = watches.start()
            watches.until(lambda expected=expected: watches.counts() == expected)  # type: ignore[misc]
            watches.end(process, signal.SIGTERM)
    firsts = list(dict.fromkeys(watches.mail.ids()))
    assert [name.partition(".")[0] for name in firsts] == ["begin", "over"] * 2


def test_one_look_has_an_exit_code_and_remembers_where_no_watch_runs(watches: Watches) -> None:
    watches.once()  # Nobody was there: it waits for a lease before it takes over.
    code, answer = watches.once()
    assert code == 0, [each for each in answer["findings"] if each["state"] != "fine"]
    watches.gateway.ready = False
    code, answer = watches.once()
    assert code == 1
    bad = {each["rule"]: each["says"] for each in answer["findings"] if each["state"] == "bad"}
    assert bad == {"gateway-not-ready": "0 of 1 ready: self-test: limits"}
    watches.gateway.__exit__()
    code, answer = watches.once()
    states = {each["rule"]: each["state"] for each in answer["findings"] if each["rule"] != "unseen"}
    assert code == 1
    assert states["gateway-down"] == "bad"
    assert states["errors"] == states["spend"] == states["quiet"] == "unknown"
    assert {each["subject"] for each in answer["findings"] if each["rule"] == "unseen" and each["state"] == "bad"} == {
        "gateway", "figures", "latency", "delivery",
    }  # fmt: skip


def test_a_test_mail_goes_over_tls_and_says_why_it_does_not(watches: Watches) -> None:
    code, answer = watches.once("--test")
    assert (code, answer["sent"], answer["to"]) == (0, True, "ops@shop.example")
    assert [mail["Subject"] for mail in watches.mail.mails()] == ["[Shop] TEST: mails of the watch arrive"]
    right = watches.mail.password
    watches.mail.password = "wrong" * 4
    code, answer = watches.once("--test")
    assert (code, answer["sent"]) == (1, False)
    assert answer["why"] == "SMTPAuthenticationError 535"
    watches.mail.password = right
    watches.mail.certificate.unlink()
    code, answer = watches.once("--test")
    assert code == 1
    assert "SSLCertVerificationError" in answer["why"]
