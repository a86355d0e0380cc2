"""Every incident of the guide, provoked: what is typed stands in its section, and mends what that says."""

from __future__ import annotations

import json
import os
import re
import secrets
import shlex
import signal
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import httpx
import pytest
import redis

from tests.integration.checkout import ROOT, Checkout

GUIDE = ROOT / "docs" / "runbooks" / "llm-gateway-incident.md"
TEAM, KEY = "prod_ceo", "PROD_CEO_KEY"
LONG_S = 60.0
# Where an incident needs Fly: provoked on the simulated account, by these tests.
ON_FLY = {
    "No answer at all": "test_operate.py::test_rollback_puts_the_last_good_image_back_and_it_holds_until_it_is_lifted",
    "ClickHouse away": "test_drift.py::test_drift_is_found_by_the_plan_and_put_right_by_the_deploy",
    "Disk full": "test_drift.py::test_more_machines_in_the_stack_are_added_and_a_larger_volume_grows",
    "A certificate is not renewed": "test_domains.py::test_f13_a_reported_problem_ends_the_waiting_at_once",
}
NO_INCIDENTS = {"Kill switches", "Alerts", "400 or 404 for what OpenAI would answer"}


def sections() -> dict[str, str]:
    """The guide's sections by their titles."""
    parts = re.split(r"^## (.+)$", GUIDE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


class Incident:
    """One section of the guide, and the rehearsal that it is tried on.

    Args:
        title: of the section.
    """

    def __init__(self, checkout: Checkout, title: str) -> None:
        self.checkout = checkout
        self.commands = [" ".join(found.split()) for found in re.findall(r"`(\./inv [^`]+)`", sections()[title])]
        status = checkout.json("status")["endpoints"]
        self._to, self._ca = status["connect"], status["ca"]
        self._host = status["gateway"].removeprefix("https://")

    def types(self, begins: str, **filled: str) -> CompletedProcess[str]:
        """Type the section's command that begins so, with what stands in capitals filled in."""
        command = next((each for each in self.commands if each.startswith(f"./inv {begins}")), None)
        assert command is not None, f"the guide does not say {begins}: {self.commands}"
        for name, value in filled.items():
            assert name in command, command
            command = command.replace(name, value)
        words = shlex.split(command.replace(" --target fly", ""))[1:]
        return self.checkout.inv(*words)

    def mends(self, begins: str, **filled: str) -> str:
        """As `types`, and it goes well; what it printed."""
        done = self.types(begins, **filled)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ask(self, question: str, key: str = KEY) -> httpx.Response:
        """Ask through the edge."""
        return self.ask_with(self.checkout.vault[key], question)

    def ask_with(self, key: str, question: str) -> httpx.Response:
        """Ask through the edge with this key."""
        trust = ssl.create_default_context(cafile=self._ca)
        with httpx.Client(verify=trust, trust_env=False, timeout=60) as client:
            return client.post(
                f"https://{self._to}/v1/chat/completions",
                headers={"Host": self._host, "Authorization": f"Bearer {key}"},
                json={"model": "gpt-4o-mini", "max_tokens": 200, "messages": [{"role": "user", "content": question}]},
                extensions={"sni_hostname": self._host.partition(":")[0]},
            )

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait for it."""
        deadline = time.monotonic() + LONG_S
        while not holds():
            assert time.monotonic() < deadline, what
            time.sleep(0.2)

    def pid(self, name: str) -> int:
        """A server's process."""
        return next(each["pid"] for each in self.checkout.json("local.status")["servers"] if each["name"] == name)

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """That server answers nobody meanwhile."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    @contextmanager
    def openai(self, **fault: Any) -> Iterator[None]:
        """OpenAI misbehaves so meanwhile."""
        port = json.loads((self.checkout.state / "ports.json").read_text())["openai"]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/_control/", trust_env=False) as control:
            control.post("faults", json=[fault]).raise_for_status()
            try:
                yield
            finally:
                control.delete("faults").raise_for_status()


@pytest.fixture
def word() -> str:
    return secrets.token_hex(6)


def test_every_incident_of_the_guide_is_rehearsed() -> None:
    here = set(re.findall(r'Incident\(broken, "([^"]+)"\)', Path(__file__).read_text()))
    assert here | ON_FLY.keys() | NO_INCIDENTS == sections().keys()
    for test in ON_FLY.values():
        file, _, name = test.partition("::")
        assert f"def {name}(" in (ROOT / "tests" / "integration" / "fly" / file).read_text(), test


def test_redis_gone_or_full(broken: Checkout, word: str) -> None:
    night = Incident(broken, "Redis gone or full")
    assert night.ask(f"before {word}").status_code == 200
    with night.frozen("redis"):
        answer = night.ask(f"before {word}")
        assert (answer.status_code, answer.headers["x-gateway-cache"]) == (200, "miss")
    night.until(lambda: night.ask(f"before {word}").headers["x-gateway-cache"] == "exact", "the cache is back")

    with redis.Redis.from_url(broken.vault["REDIS_URL"]) as client:
        limit = client.config_get("maxmemory")["maxmemory"]
        try:
            client.config_set("maxmemory", 1)
            first, again = night.ask(f"full {word}"), night.ask(f"full {word}")
            assert [first.status_code, again.status_code] == [200, 200]
            assert again.headers["x-gateway-cache"] == "miss"
            night.mends("cache.purge", NAME=TEAM)
        finally:
            client.config_set("maxmemory", limit)
        assert not list(client.scan_iter(f"gw:exact:{{{TEAM}}}:*"))
    night.until(lambda: night.ask(f"full {word}").headers["x-gateway-cache"] == "exact", "there is room again")


def test_openai_down_and_slow(broken: Checkout, word: str) -> None:
    night = Incident(broken, "Slow, or 5xx from OpenAI")
    assert night.ask(f"known {word}").status_code == 200
    with night.openai(status=500, model="gpt-4o-mini"):
        helped = night.ask(f"new {word}")
    assert (helped.status_code, helped.headers["x-gateway-fallback"]) == (200, "true")
    with night.openai(status=503):
        assert night.ask(f"other {word}").status_code == 503
        assert night.ask(f"known {word}").headers["x-gateway-cache"] == "exact"
    assert "back to OpenAI" in night.mends("cutover.back", NAME=TEAM)
    with night.openai(delay_s=1.0):
        assert night.ask(f"slow {word}").status_code == 200


def test_langfuse_away(broken: Checkout, word: str) -> None:
    night = Incident(broken, "Langfuse away")
    with night.frozen("langfuse"):
        assert night.ask(f"untraced {word}").status_code == 200
    done = broken.inv("test.langfuse")
    assert done.returncode == 0, done.stdout + done.stderr
    # Fly's logs are read on Fly; a rehearsal says where its own are.
    assert "inv local.logs" in night.types("deploy.logs").stderr


def test_a_secret_may_have_leaked(broken: Checkout, word: str) -> None:
    night = Incident(broken, "A secret may have leaked")
    leaked = broken.vault[KEY]
    night.mends("teams.freeze", NAME=TEAM)
    night.until(lambda: night.ask(f"stolen {word}").status_code == 403, "it is heeded")
    assert night.ask("hello", "ADMIN_KEY").status_code == 200
    night.mends("vault.rotate", NAME=KEY)
    night.mends("deploy.all")
    night.mends("teams.thaw", NAME=TEAM)
    night.until(lambda: night.ask(f"mine {word}").status_code == 200, "the new key works")
    assert night.ask_with(leaked, f"stolen {word}").status_code == 401


def test_401_for_a_key_that_worked(broken: Checkout, word: str) -> None:
    night = Incident(broken, "401 for a key that worked")
    assert broken.inv("vault.rotate", KEY, "--yes").returncode == 0
    assert night.ask(f"hello {word}").status_code == 401
    planned = night.types("plan")
    assert planned.returncode == 2
    assert re.search(r"differs +3\.2 ", planned.stdout, re.MULTILINE), planned.stdout
    night.mends("deploy.all")
    assert night.ask(f"hello {word}").status_code == 200


def test_a_wrong_answer_from_the_cache(broken: Checkout, word: str) -> None:
    night = Incident(broken, "A wrong answer from the cache")
    night.ask(f"wrong {word}")
    wrong = night.ask(f"wrong {word}")
    assert wrong.headers["x-gateway-cache"] == "exact"
    night.mends("cache.wrong", ID=wrong.headers["x-gateway-cache-entry"])
    assert night.ask(f"wrong {word}").headers["x-gateway-cache"] == "miss"
    night.mends("cache.off")
    assert broken.inv("cache.on", "--tier", "semantic").returncode == 0
    night.mends("cache.purge", NAME=TEAM)
    assert night.ask(f"wrong {word}").headers["x-gateway-cache"] == "miss"


def test_a_budget_that_is_used_up(broken: Checkout, word: str) -> None:
    night = Incident(broken, "429")
    stack = broken.root / "ops" / "stack.toml"
    before = stack.read_text()
    table = re.compile(rf"(?<=\[teams\.{TEAM}\]\n)(?:.*\n)*?daily_usd = .*\n")
    assert table.search(before)
    try:
        stack.write_text(table.sub(lambda found: re.sub("daily_usd = .*", "daily_usd = 0.006", found[0]), before))
        assert broken.inv("deploy.all").returncode == 0
        # What one answer may cost at most must fit into the day, so the day is used up by several.
        asked = (night.ask(f"dear {number} {word} " + "word " * 1000) for number in range(40))
        refused = next(answer for answer in asked if answer.status_code != 200)
        assert (refused.status_code, refused.headers["x-gateway-limit"]) == (429, "usd"), refused.text
        assert refused.headers["x-should-retry"] == "false"
        assert "0.006" in night.mends("teams.show")
    finally:
        stack.write_text(before)
    night.mends("deploy.all")
    assert night.ask(f"dear {word}").status_code == 200


def test_a_region_that_is_down(broken: Checkout, word: str) -> None:
    """Nobody here mends Fly: the agents go back to OpenAI, and when it is back the same command repairs it."""
    night = Incident(broken, "Fly or its region is down")
    assert broken.inv("local.down").returncode == 0
    assert "back to OpenAI" in night.mends("cutover.back", NAME=TEAM)
    night.mends("deploy.all")
    night = Incident(broken, "Fly or its region is down")
    assert night.ask(f"back {word}").status_code == 200
