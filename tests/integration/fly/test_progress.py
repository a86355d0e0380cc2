"""A run on production and the progress scripts of another repository, as an operator sees them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.fly.test_command_line import Operator
from tests.targets.fly.support import Site

NPX = """#!/usr/bin/env python3
import json, os, sys
script = sys.argv[3].rpartition("/")[2]
if os.path.exists("refuse"):
    sys.exit("task unknown")
open("calls.jsonl", "a").write(json.dumps([script, *sys.argv[4:]]) + "\\n")
"""


class Shop:
    """A repository laid out as the shop's, and what its scripts have been told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "scripts" / "agent").mkdir(parents=True)
        for name in ("log-progress.ts", "complete-task.ts", "log-blocked.ts"):
            (folder / "scripts" / "agent" / name).touch()
        (folder / "bin").mkdir()
        (folder / "bin" / "npx").write_text(NPX)
        (folder / "bin" / "npx").chmod(0o755)

    @property
    def environ(self) -> dict[str, str]:
        return {"PROGRESS_REPOSITORY": str(self.folder), "PATH": f"{self.folder / 'bin'}:/usr/bin:/bin"}

    @property
    def told(self) -> list[list[str]]:
        file = self.folder / "calls.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop")


def test_what_can_be_delivered_is_delivered_before_the_command_ends(place: Site, shop: Shop, tmp_path: Path) -> None:
    operator = Operator(tmp_path / "copy", place)
    script = next(operator.checkout.root.glob("fly/*/bin/start-litellm.sh"))
    script.write_text(script.read_text() + "# changed\n")
    done = operator.inv("build.all", "--target", "fly", **shop.environ)
    assert done.returncode == 0, done.stdout + done.stderr
    (report,) = [told for told in shop.told if "Phase 2" in told[4]]
    assert report[0] == "log-progress.ts"
    assert report[6].startswith("Phase ")
    assert "progress:" not in done.stderr


def test_the_last_lines_say_what_could_not_be_delivered_and_why(place: Site, shop: Shop, tmp_path: Path) -> None:
    operator = Operator(tmp_path / "copy", place)
    (shop.folder / "refuse").touch()
    done = operator.inv("build.all", "--target", "fly", **shop.environ)
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stderr.splitlines()
    said = said[next(index for index, line in enumerate(said) if line.startswith("progress: ")) :]
    assert "log-progress-1" in said[0]
    assert said[1] == "  why:  log-progress-1: exit 1: task unknown"
    assert said[-1].startswith("  next: inv progress.show --target fly")
    shown = operator.inv("progress.show", "--target", "fly", **shop.environ).stdout
    assert shown.startswith("log-progress-1: waiting since ")
    dropped = operator.inv("progress.drop", "log-progress-1", "--target", "fly")
    assert dropped.returncode == 0, dropped.stderr
    (shop.folder / "refuse").unlink()
    assert operator.inv("progress.flush", "--target", "fly", **shop.environ).returncode == 0
    assert all("Phase 1" not in told[4] for told in shop.told)
    assert operator.inv("progress.show", "--target", "fly").stdout.startswith("0 not delivered")


def test_a_run_that_waits_for_a_person_says_so(place: Site, shop: Shop, tmp_path: Path) -> None:
    operator = Operator(tmp_path / "copy", place)
    environ = {**shop.environ, "OPENAI_API_KEY": ""}
    done = operator.inv("setup.secrets", "--target", "fly", **environ)
    assert done.returncode == 3, done.stdout + done.stderr
    assert shop.told[-1][0] == "log-blocked.ts"
    assert "OPENAI_API_KEY" in shop.told[-1][3]
