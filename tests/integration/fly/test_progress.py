"""A run on production and the progress scripts of another repository, as an operator sees them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.fly.test_command_line import Operator
from tests.reports.listening import Repository
from tests.targets.fly.support import Site


@pytest.fixture
def shop(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "shop")


def test_what_can_be_delivered_is_delivered_before_the_command_ends(
    place: Site, shop: Repository, tmp_path: Path
) -> None:
    operator = Operator(tmp_path / "copy", place)
    script = next(operator.checkout.root.glob("fly/*/bin/start-litellm.sh"))
    script.write_text(script.read_text() + "# changed\n")
    done = operator.inv("build.all", "--target", "fly", **shop.environ)
    assert done.returncode == 0, done.stdout + done.stderr
    (report,) = [call for call in shop.calls if "Phase 2" in call.said[3]]
    assert report.script == "log-progress.ts"
    assert report.said[5].startswith("Phase ")
    assert "progress:" not in done.stderr


def test_the_last_lines_say_what_could_not_be_delivered_and_why(place: Site, shop: Repository, tmp_path: Path) -> None:
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
    assert all("Phase 1" not in call.said[3] for call in shop.calls)
    assert operator.inv("progress.show", "--target", "fly").stdout.startswith("0 not delivered")


def test_a_run_that_waits_for_a_person_says_so(place: Site, shop: Repository, tmp_path: Path) -> None:
    operator = Operator(tmp_path / "copy", place)
    environ = {**shop.environ, "OPENAI_API_KEY": ""}
    done = operator.inv("setup.secrets", "--target", "fly", **environ)
    assert done.returncode == 3, done.stdout + done.stderr
    assert shop.calls[-1].script == "log-blocked.ts"
    assert "OPENAI_API_KEY" in shop.calls[-1].said[2]
