"""R1, R11: under --dry no command changes anything, whatever it does otherwise."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from ops.commands.dry import Plans, Says
from ops.commands.namespace import namespace
from ops.targets.local.layout import run_folder
from tests.integration.checkout import Checkout
from tests.integration.recording import OPTIONS, files, keys, rows

TASKS = sorted(namespace().task_names)


class Recorded:
    """A rehearsal and all that a command could change of it."""

    def __init__(self, checkout: Checkout, home: Path) -> None:
        self.checkout, self.home = checkout, home
        self.run = run_folder(checkout.state, os.environ)

    def inv(self, *words: str) -> Any:
        return self.checkout.inv(*words, HOME=str(self.home))

    def seen(self) -> dict[str, Any]:
        vault = self.checkout.vault
        return {
            "files": files(self.checkout.root, self.home, self.run),
            "processes": self.checkout.servers(),
            "Redis": keys(vault["REDIS_URL"]),
            "Postgres": rows(vault["SUPABASE_DIRECT_URL"]),
        }


@pytest.fixture(scope="module")
def recorded(rehearsal: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    rehearsal.inv("test.cache")  # so that there is something to lose
    made = Recorded(rehearsal, tmp_path_factory.mktemp("home"))
    # The gateway writes down what that request cost a moment later.
    deadline, before, now = time.monotonic() + 60, {}, made.seen()
    while before != now:
        assert time.monotonic() < deadline
        time.sleep(3)
        before, now = now, made.seen()
    assert now["Redis"]
    return made


@pytest.mark.parametrize("name", TASKS)
def test_no_command_changes_anything_under_dry(recorded: Recorded, name: str) -> None:
    dry = namespace()[name].dry
    before = recorded.seen()
    done = recorded.inv("--dry", name, *OPTIONS.get(name, []))
    after = recorded.seen()
    for what, found in before.items():
        assert after[what] == found, f"{name} changed {what}: {done.stdout}{done.stderr}"
    assert "CLI-008" not in done.stderr, done.stderr
    if dry is None:
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"error CLI-009: {name} cannot be tried with --dry")
    elif isinstance(dry, Plans):
        assert "steps would do something" in done.stdout
    elif isinstance(dry, Says):
        assert "would" in done.stdout or "error FLY-051" in done.stderr


def test_the_guard_is_not_got_round(recorded: Recorded) -> None:
    """By an option of Invoke, by the environment, or hidden among commands that may be tried."""
    before = recorded.seen()
    assert "CLI-009" in recorded.inv("--dry", "--no-dedupe", "plan", "dev.lock").stderr
    done = recorded.checkout.inv("vault.rotate", "ADMIN_KEY", "--yes", HOME=str(recorded.home), INVOKE_RUN_DRY="1")
    assert "ADMIN_KEY would be replaced" in done.stdout
    assert recorded.seen() == before


def test_a_dry_command_ends_as_the_plan_of_its_steps(recorded: Recorded) -> None:
    """R11; and steps of several commands are one plan."""
    assert recorded.inv("--dry", "deploy.all").returncode == 0
    script = next(recorded.checkout.root.glob("fly/*/bin/start-litellm.sh"))
    text = script.read_text()
    script.write_text(text + "# changed\n")
    try:
        done = recorded.inv("--dry", "setup.all", "deploy.all", "test.all")
        assert (done.returncode, done.stdout.count("Write the start scripts")) == (2, 1)
        assert recorded.inv("--dry", "setup.all").returncode == 0
    finally:
        script.write_text(text)


def test_a_kept_plan_is_applied_as_it_stands_or_not_at_all(recorded: Recorded, tmp_path: Path) -> None:
    checkout, kept = recorded.checkout, str(tmp_path / "plan.json")
    script = next(checkout.root.glob("fly/*/bin/start-litellm.sh"))
    wanted = script.read_text()
    script.write_text(wanted + "# changed\n")
    assert checkout.inv("plan", "--out", kept).returncode == 2
    other = next(checkout.root.glob("fly/*/Dockerfile"))
    unchanged = other.read_text()
    other.write_text(unchanged + "# changed\n")
    refused = checkout.inv("deploy.all", "--plan", kept)
    assert refused.returncode == 1
    assert "CLI-015" in refused.stderr
    assert "build.dockerfile: as wanted → differs" in refused.stderr
    assert (script.read_text(), other.read_text()) == (wanted + "# changed\n", unchanged + "# changed\n")
    other.write_text(unchanged)
    applied = checkout.inv("deploy.all", "--plan", kept)
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert script.read_text() == wanted
    assert "CLI-015" in checkout.inv("deploy.all", "--plan", kept).stderr


@pytest.mark.parametrize(
    "content", [None, "", "[]", '{"kind": "run"}', '{"kind": "plan", "steps": [], "target": "fly"}']
)
def test_what_is_no_plan_of_this_target_is_refused(recorded: Recorded, tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "plan.json"
    if content is not None:
        file.write_text(content)
    refused = recorded.checkout.inv("deploy.all", "--plan", str(file))
    assert (refused.returncode, "CLI-014" in refused.stderr) == (1, True), refused.stderr


@pytest.mark.parametrize("shown", [(), ("--json",)])
def test_a_dry_plan_keeps_no_file(recorded: Recorded, tmp_path: Path, shown: tuple[str, ...]) -> None:
    """R1's kind: an option that names a file to be written, of a command that otherwise only looks."""
    kept = tmp_path / "plan.json"
    done = recorded.inv("--dry", "plan", "--out", str(kept), *shown)
    assert (done.returncode, kept.exists()) == (0, False), done.stderr
    assert done.stderr == f"--dry: {kept} is not written\n"
    assert done.stdout == recorded.inv("plan", *shown).stdout
