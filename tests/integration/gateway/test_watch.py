"""The watch as it ships: its start script, a real Redis, a real mail server, and a gateway that a test makes up."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.mail_server import MailServer
from tests.gateway.valkey_server import ValkeyServer
from tests.integration.gateway.harness import PACKAGE, SHIPPED_PYTHON

EVERY_S = 0.2
WAIT_S = 30.0
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


class Watches:
    """Watch processes on one Redis, one mail server and one gateway; each stands for a machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.valkey, self.mail, self.gateway = ValkeyServer(), MailServer(), MadeUpGateway()
        self.running: list[subprocess.Popen[bytes]] = []
        (folder / "config").mkdir()
        shutil.copytree(PACKAGE / "bin", folder / "bin")
        (folder / "llm_gateway").symlink_to(PACKAGE / "llm_gateway")
        rules = tomllib.loads((PACKAGE / "config" / "watch.toml").read_text())["rules"]
        lines = ["gateways = 1", f"every_s = {EVERY_S}", "clear_min = 0", "unseen_min = 0", "summary_hour = 24"]
        lines += ['name = "Shop"', 'sender = "watch@shop.example"', 'to = "ops@shop.example"', 'guide = "guide.md"']
        lines += ["redis_max_bytes = 1000000000", "[rules]"]
        lines += [f"{name} = {{ limit = {rule['limit']}, least = {rule['least']} }}" for name, rule in rules.items()]
        (folder / "config" / "watch.toml").write_text("\n".join(lines))

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": "/usr/bin:/bin",
            "GATEWAY_PYTHON": str(SHIPPED_PYTHON),
            "GATEWAY_REDIS_URL": self.valkey.url,
            "LITELLM_MASTER_KEY": "k" * 32,
            "SMTP_URL": self.mail.url,
            "SSL_CERT_FILE": str(self.mail.certificate),
            "WATCH_GATEWAY": self.gateway.url,
        }

    def start(self) -> subprocess.Popen[bytes]:
        """Another machine."""
        command = ["/bin/sh", str(self.folder / "bin" / "start-watch.sh")]
        log = (self.folder / "log").open("ab")
        process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        log.close()
        self.running.append(process)
        return process

    def end(self, process: subprocess.Popen[bytes], signum: signal.Signals) -> int:
        process.send_signal(signum)
        self.running.remove(process)
        return process.wait(timeout=WAIT_S)

    def once(self, what: str = "--once") -> tuple[int, dict[str, Any]]:
        """The exit code and the answer of one call."""
        command = ["/bin/sh", str(self.folder / "bin" / "start-watch.sh"), what]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    def counts(self) -> tuple[int, int]:
        """How many alerts were written to have begun, and to be over; each mail once, however often it came."""
        ids = set(self.mail.ids())
        return sum(name.startswith("begin.spend") for name in ids), sum(name.startswith("over.spend") for name in ids)

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < deadline, (self.mail.ids(), (self.folder / "log").read_text()[-2000:])
            time.sleep(0.02)


@pytest.fixture
def watches() -> Iterator[Watches]:
    with tempfile.TemporaryDirectory(prefix="watch-") as folder, contextlib.ExitStack() as stack:
        made = Watches(Path(folder))
        for each in (made.valkey, made.mail, made.gateway):
            stack.enter_context(each)
        yield made
        for process in made.running:
            process.kill()
            process.wait()


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
