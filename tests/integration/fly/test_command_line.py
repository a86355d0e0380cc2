"""The same through `inv`, as an operator types it: exit codes, journal, what is printed."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from ops.session.compose import compose
from tests.integration.checkout import Checkout, Terminal
from tests.services.real_servers import NO_MINIO, wait_for
from tests.targets.fly.support import GATEWAY, OPENAI_KEY, Site

ASKS_ITSELF = ("deploy.status", "deploy.logs", "deploy.destroy")


class Operator:
    """A whole copy of the project, used by its command line against a simulated account."""

    def __init__(self, folder: Path, place: Site) -> None:
        self.checkout = Checkout(folder)
        self.environ = {name: value for name, value in place.environ.items() if name not in ("PATH", "RUNBOOK_STACK")}

    def inv(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; without a terminal, so a deploy says yes beforehand."""
        if words[0].startswith(("setup.", "deploy.")) and words[0] not in ASKS_ITSELF:
            words = (*words, "--yes")
        return self.inv_as_typed(*words, **more)

    def inv_as_typed(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self.checkout.command(*words),
            cwd=self.checkout.root,
            env=self.checkout.environment(**{**self.environ, **more}),
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )

    def assert_no_secret_lies_about(self, place: Site, said: dict[str, str]) -> None:
        """No value of the vault, and no token, in what was said or in any file but the vault's own."""
        vault = compose("fly", self.environ, self.checkout.root).vault
        values = {name: vault.get(name).reveal() for name in vault.names()} | {"token": place.sim.token}
        assert values["OPENAI_API_KEY"] == OPENAI_KEY
        assert len(values) > 15
        texts = dict(said)
        for file in self.checkout.root.rglob("*"):
            ours = file.is_file() and not file.is_symlink() and vault.path.parent not in file.parents
            if ours and ".venv" not in file.parts and file.name != "digest.key":
                texts[str(file.relative_to(self.checkout.root))] = file.read_text(errors="replace")
        assert any("journal" in name for name in texts)
        for where, text in texts.items():
            for name, value in values.items():
                assert value not in text, f"{name} is in {where}"


@pytest.fixture
def operator(place: Site, tmp_path: Path, object_store: tuple[str, str, str] | None) -> Operator:
    if object_store is None:
        pytest.skip(NO_MINIO)
    made = Operator(tmp_path / "copy", place)
    if place.vault_seed:
        file = made.checkout.root / place.deployment().stack.stack.vault
        file.parent.mkdir(parents=True, mode=0o700)
        file.write_bytes(place.deployment().vault.path.read_bytes())
        file.chmod(0o600)
        file.parent.chmod(0o700)
        file.parent.parent.chmod(0o700)
    return made


def test_the_runbook_is_used_from_plan_to_destroy(place: Site, operator: Operator) -> None:
    planned = operator.inv("plan", "--target", "fly")
    assert planned.returncode == 2, planned.stdout + planned.stderr
    assert place.sim.mutations == 0

    dry = operator.inv("--dry", "deploy.all", "--target", "fly")
    assert (dry.returncode, dry.stdout) == (2, planned.stdout), dry.stderr
    assert place.sim.mutations == 0

    done = operator.inv("deploy.all", "--target", "fly")
    assert done.returncode == 0, done.stdout + done.stderr
    journal = (operator.checkout.root / ".state" / "fly" / "journal.jsonl").read_text()
    assert "deploy.pooled" in journal
    operator.assert_no_secret_lies_about(place, {"out": done.stdout, "error": done.stderr})

    assert operator.inv("plan", "--target", "fly").returncode == 0

    shown = operator.inv("deploy.status", "--target", "fly", "--json")
    assert shown.returncode == 0, shown.stderr
    machines = json.loads(shown.stdout)["machines"]
    assert len(machines) == 9, "two of edge, gateway and ui, one of the others"
    assert {row["health"] for row in machines} == {"healthy"}

    local = operator.inv("deploy.status", "--target", "local")
    assert local.returncode == 1
    assert "FLY-051" in local.stderr

    place.sim.drift.stop_machine(GATEWAY, "edge")
    assert operator.inv("deploy.status", "--target", "fly").returncode == 1
    assert operator.inv("plan", "--target", "fly").returncode == 2

    refused = operator.inv("deploy.destroy", "--target", "fly")
    assert refused.returncode == 3
    assert "FLY-049" in refused.stderr
    assert place.sim.state.apps
    gone = operator.inv("deploy.destroy", "--name", GATEWAY, "--target", "fly")
    assert gone.returncode == 0, gone.stderr
    assert place.sim.state.apps == {}


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        (f"{GATEWAY}\n", 0, f"destroyed: {GATEWAY}"),
        ("yes\n", 3, "FLY-049"),
        ("\x04", 3, "FLY-049"),  # Ctrl-D
        ("\x03", 130, "Interrupted"),
    ],
    ids=["the name", "another word", "end of input", "Ctrl-C"],
)
def test_a_person_who_destroys_is_asked_for_the_name(
    place: Site, operator: Operator, typed: str, code: int, said: str
) -> None:
    done = operator.inv("deploy.app", "--target", "fly")
    assert done.returncode == 0, done.stdout + done.stderr
    with Terminal(operator.checkout, "deploy.destroy", "--target", "fly", **operator.environ) as terminal:
        wait_for(lambda: f"type {GATEWAY} to go on: " in terminal.shown, "the question")
        terminal.type(typed)
        assert terminal.process.wait(60) == code
    assert said in terminal.shown
    assert "Traceback" not in terminal.shown
    assert bool(place.sim.state.apps) == (code != 0)


def test_production_asks_before_it_is_changed(place: Site, tmp_path: Path) -> None:
    """Without a terminal nothing is done; at one the plan is shown, and only a yes goes on."""
    operator = Operator(tmp_path / "copy", place)
    refused = operator.inv_as_typed("deploy.app", "--target", "fly")
    assert (refused.returncode, place.sim.mutations) == (1, 0), refused.stdout
    assert "3.1    makes apps, addresses and volumes" in refused.stderr
    assert "USD a month" in refused.stderr
    assert "error CLI-011: 1 steps would change production; nothing was done" in refused.stderr
    for typed, code in (("no\n", 1), ("\n", 1), ("y\n", 0)):
        assert place.sim.mutations == 0
        with Terminal(operator.checkout, "deploy.app", "--target", "fly", **operator.environ) as terminal:
            wait_for(lambda terminal=terminal: "Go on? [y/N]" in terminal.shown, "the question", 60)  # type: ignore[misc]
            terminal.type(typed)
            assert terminal.process.wait(60) == code, terminal.shown
    assert place.sim.mutations > 0
    # Nothing left to change, nothing to ask.
    assert operator.inv_as_typed("deploy.app", "--target", "fly").returncode == 0


def test_a_second_laptop_is_told_who_deploys_and_changes_nothing(place: Site, operator: Operator) -> None:
    import psycopg

    from ops.targets.fly.remote_lock import key

    url = place.environ["SUPABASE_DIRECT_URL"]
    with psycopg.connect(url, autocommit=True, application_name="runbook anna@first-laptop") as first:
        first.execute("SELECT pg_advisory_lock(%s)", [key(GATEWAY)])
        for command in (["deploy.all"], ["deploy.destroy", "--name", GATEWAY]):
            refused = operator.inv(*command, "--target", "fly")
            assert refused.returncode == 3, refused.stdout + refused.stderr
            assert "LOCK-010" in refused.stderr
            assert "anna@first-laptop" in refused.stderr
        assert place.sim.mutations == 0
        # Looking needs no lock.
        assert operator.inv("plan", "--target", "fly").returncode == 2
    done = operator.inv("deploy.app", "--target", "fly")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_doctor_says_what_is_missing(place: Site, operator: Operator) -> None:
    well = operator.inv("doctor", "--target", "fly", "--json")
    assert well.returncode == 0, well.stdout + well.stderr
    ill = operator.inv("doctor", "--target", "fly", FLYCTL="/nowhere/flyctl", OPENAI_API_KEY="")
    assert ill.returncode == 1
    assert "MISSING" in ill.stdout
    assert "OPENAI_API_KEY" in ill.stdout
    stranger = operator.inv("doctor", "--target", "fly", FLY_API_TOKEN="")
    assert stranger.returncode == 1
    said = stranger.stdout.splitlines()
    assert said[0].startswith("ok       flyctl"), "the binary's version needs no token"
    assert stranger.stdout.count("there is no token") == 1
    assert place.sim.mutations == 0


def test_a_plan_does_not_complain_of_what_the_doctor_made(place: Site, tmp_path: Path) -> None:
    """R30."""
    operator = Operator(tmp_path / "copy", place)
    assert operator.inv("doctor", "--target", "fly").returncode == 0
    assert (operator.checkout.root / ".state" / "fly").stat().st_mode & 0o077 == 0
    planned = operator.inv("plan", "--target", "fly", "--json")
    assert "open to others" not in planned.stdout, planned.stdout


def test_waiting_for_dns_can_be_interrupted_and_gone_on_with(place: Site, operator: Operator) -> None:
    place.dns.records.clear()
    environ = operator.checkout.environment(**{**operator.environ, "RUNBOOK_DNS_WAIT_S": "120"})
    child = subprocess.Popen(
        operator.checkout.command("deploy.domains", "--target", "fly", "--yes"),
        cwd=operator.checkout.root, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(child.stdout or ()), daemon=True)
    reader.start()
    try:
        wait_for(lambda: any("add at your DNS provider" in line for line in lines), "the records to add", 120)
        start = time.monotonic()
        child.send_signal(signal.SIGINT)
        child.wait(60)
    finally:
        child.kill()
        child.wait()
        reader.join(10)
    assert child.returncode == 130, lines
    assert time.monotonic() - start < 15
    assert len(place.sim.state.apps[GATEWAY]["certificates"]) == 2
    place.follow_dns()
    again = operator.inv("deploy.all", "--target", "fly")
    assert again.returncode == 0, again.stdout + again.stderr
    assert len(place.sim.state.apps[GATEWAY]["certificates"]) == 2
