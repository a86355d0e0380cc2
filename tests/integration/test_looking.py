"""Looking never acts: what a test or a document needs is not brought about for it."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.integration.checkout import Checkout, outcomes

BLOCK = re.compile(r"(<!-- generated: [\w-]+ -->\n).*?(<!-- end -->)", re.DOTALL)


def test_all_that_is_generated_is_made_anew_on_an_idle_machine_and_nothing_else(fresh: Callable[[], Checkout]) -> None:
    """R3: with nothing running and nothing brought up; the second time nothing changes."""
    checkout = fresh()
    before = {file: file.read_text() for file in checkout.root.rglob("*.md") if BLOCK.search(file.read_text())}
    (dashboard,) = (checkout.root / "docs").rglob("*dashboard.json")
    assert len(before) >= 5
    for file, text in before.items():
        file.write_text(BLOCK.sub(r"\1stale\n\2", text))
    before[dashboard] = dashboard.read_text()
    dashboard.unlink()
    done = checkout.inv("document.all")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {file.name for file, text in before.items() if file.read_text() != text} == set()
    assert (checkout.processes(), checkout.vault) == ({}, {})

    written = {file: file.stat().st_mtime_ns for file in before}
    again = checkout.json("document.all")
    assert (again["exit_code"], set(outcomes(again).values())) == (0, {"ok"}), again
    assert {file: file.stat().st_mtime_ns for file in before} == written
    assert checkout.processes() == {}


def test_a_test_says_what_it_needs_and_which_command_brings_it(fresh: Callable[[], Checkout]) -> None:
    """R2, in rehearsal: from nothing, and where one rendered file differs."""
    checkout = fresh()
    for words in (["test.smoke"], ["test.all"], ["phase", "--n", "4"]):
        done = checkout.inv(*words)
        assert (done.returncode, checkout.processes(), checkout.vault) == (1, {}, {}), done.stdout
        assert "next: inv deploy.all\n" in done.stdout
    assert checkout.inv("deploy.all").returncode == 0
    script = next(checkout.root.glob("fly/*/bin/start-litellm.sh"))
    script.write_text(script.read_text() + "# changed\n")
    changed = script.read_text()
    done = checkout.inv("test.smoke")
    assert done.returncode == 1
    assert "2.2" in done.stdout
    assert script.read_text() == changed
