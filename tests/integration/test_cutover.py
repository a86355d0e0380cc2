"""The cutover guide followed to the letter: its settings, its programs, the look that it asks for, the way back.

The programs are the guide's own, run by clients nobody here wrote: OpenAI's SDK for Python as the gateway's environment
has it, and curl. They know the public names only, which lead to the rehearsal's edge over TLS.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from ops.description.paths import ROOT
from ops.description.read import read
from tests.integration.checkout import Checkout
from tests.integration.outside import Way, way_out
from tests.integration.test_rehearsal import snapshot

STACK = read(ROOT / "ops" / "stack.toml", {})
GATEWAY, TEAM = STACK.domains.gateway, "prod_customer"
TRACES_WITHIN_S = 60
RUN = {
    "openai-python": [str(ROOT / ".venv-gateway" / "bin" / "python"), "-"],
    "curl": ["bash", "-s"],
}


@pytest.fixture(scope="module")
def way(rehearsal: Checkout) -> Iterator[Way]:
    """The public name of the gateway leads to the rehearsal's edge, all others nowhere."""
    with way_out({GATEWAY: rehearsal.json("status")["endpoints"]["connect"]}) as found:
        yield found


def follow(rehearsal: Checkout, way: Way, framework: str, given: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the framework's program of the guide as the agent would run, with these settings and nothing else."""
    program = _programs()[framework]
    ca = rehearsal.json("status")["endpoints"]["ca"]
    plain = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "HTTPS_PROXY": way.url}
    return subprocess.run(
        RUN[framework],
        input=program,
        env={**plain, "SSL_CERT_FILE": ca, "CURL_CA_BUNDLE": ca, **given},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _programs() -> dict[str, str]:
    """The guide's programs, by the framework's name on the command line."""
    guide = (ROOT / "docs" / "runbooks" / "llm-gateway-cutover.md").read_text()
    found = dict(re.findall(r"^### ([^\n]+)\n.*?^```\w+\n(.*?)^```", guide, re.DOTALL | re.MULTILINE))
    return {"openai-python": found["OpenAI SDK for Python"], "curl": found["curl"]}


def settings(rehearsal: Checkout, framework: str) -> dict[str, str]:
    """What `inv cutover.plan` says, typed in: its variables, and the key as its command brings it."""
    plan = rehearsal.json("cutover.plan", "--team", TEAM, "--framework", framework)
    (found,) = plan["frameworks"]
    command = plan["key"]["command"].split()
    assert command[:2] == ["./inv", "vault.get"]
    key = rehearsal.inv(*command[1:]).stdout
    return {plan["key"]["variable"]: key, **{item["name"]: item["value"] for item in found["environment"]}}


def verified(rehearsal: Checkout, requests: int, *words: str) -> dict[str, Any]:
    """What `inv cutover.verify` says once it sees this many requests."""
    end = time.monotonic() + TRACES_WITHIN_S
    while True:
        told: dict[str, Any] = rehearsal.json("cutover.verify", "--team", TEAM, *words)
        if (told["after"]["traffic"] or {}).get("requests") == requests or time.monotonic() > end:
            return told
        time.sleep(0.5)  # Langfuse has nothing to wait on: a trace is there when a look finds it


@pytest.mark.parametrize("framework", RUN)
def test_the_guide_followed_brings_the_agent_to_the_gateway_and_back(
    rehearsal: Checkout, way: Way, framework: str
) -> None:
    """G32 for what it is to follow the guide: nothing is asked of anybody but the gateway."""
    cut = datetime.now(UTC).isoformat()
    given = settings(rehearsal, framework)
    way.wanted.clear()
    for _ in range(3):
        done = follow(rehearsal, way, framework, given)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip()
    assert set(way.wanted) == {GATEWAY}

    told = verified(rehearsal, 3, "--cut", cut)
    assert told["problems"] == []
    assert told["good"] is True
    assert told["after"]["traffic"]["requests"] == 3
    assert list(told["after"]["traffic"]["models"]) == [STACK.models.default]
    assert told["last_request"]["at"] > cut
    assert told["counters"]["requests"] >= 3
    assert told["before"]["traffic"] is not None

    (back,) = rehearsal.json("cutover.back", "--team", TEAM, "--framework", framework)["frameworks"]
    returned = {name: value for name, value in given.items() if name not in back["unset"]}
    way.wanted.clear()
    done = follow(rehearsal, way, framework, {**returned, "OPENAI_API_KEY": "sk-the-agents-own"})
    assert done.returncode != 0, "there is no OpenAI here"
    assert GATEWAY not in way.wanted
    assert verified(rehearsal, 3, "--cut", cut)["after"]["traffic"]["requests"] == 3


def test_an_agent_without_its_third_setting_is_seen_to_fail_and_why(rehearsal: Checkout, way: Way) -> None:
    """G32: the Agents SDKs' own default model is one that the gateway does not have."""
    cut = datetime.now(UTC).isoformat()
    given = settings(rehearsal, "curl")
    program = 'curl --silent -H "Authorization: Bearer $OPENAI_API_KEY" "$OPENAI_BASE_URL/chat/completions" -d @-'
    body = '{"model": "gpt-4.1", "messages": [{"role": "user", "content": "Where is my order?"}]}'
    ca = rehearsal.json("status")["endpoints"]["ca"]
    subprocess.run(
        ["bash", "-c", program],
        input=body,
        env={"PATH": os.environ["PATH"], "HTTPS_PROXY": way.url, "CURL_CA_BUNDLE": ca, **given},
        text=True,
        timeout=60,
        check=True,
        capture_output=True,
    )
    told = verified(rehearsal, 1, "--cut", cut)
    assert told["good"] is False
    (failure,) = told["after"]["traffic"]["failures"]
    assert "gpt-4.1" in failure["reason"]
    assert rehearsal.inv("cutover.verify", "--team", TEAM, "--cut", cut).returncode == 1


@pytest.mark.parametrize(
    "words",
    [["cutover.plan"], ["cutover.plan", "--json"], ["cutover.verify"], ["cutover.verify", "--json"], ["cutover.back"]],
    ids=" ".join,
)
def test_the_commands_change_nothing_but_their_own_output(rehearsal: Checkout, words: list[str]) -> None:
    """No journal entry, no vault write, no file, no process, nothing in the database."""
    before, journal = snapshot(rehearsal), rehearsal.journal
    done = rehearsal.inv(*words, "--team", TEAM)
    assert "Traceback" not in done.stderr
    assert done.stdout
    assert rehearsal.journal == journal
    assert snapshot(rehearsal) == before
    for name, value in rehearsal.vault.items():
        assert len(value) < 12 or value not in done.stdout + done.stderr, name


@pytest.mark.parametrize("command", ["plan", "verify", "back"])
def test_a_team_that_is_none_is_said_with_what_was_meant(rehearsal: Checkout, command: str) -> None:
    done = rehearsal.inv(f"cutover.{command}", "--team", "prod_custmer")
    assert done.returncode == 1
    assert "there is no team 'prod_custmer'" in done.stderr
    assert "did you mean prod_customer?" in done.stderr
    assert rehearsal.inv(f"cutover.{command}").returncode == 1
