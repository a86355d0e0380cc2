"""Looking never acts: what a test or a document needs is not brought about for it."""

from __future__ import annotations

from collections.abc import Callable

from tests.integration.checkout import Checkout


def test_documents_are_written_on_an_idle_machine_and_nothing_else(fresh: Callable[[], Checkout]) -> None:
    """R3."""
    checkout = fresh()
    guide = checkout.root / "docs" / "runbooks" / "llm-gateway-rotation.md"
    text = guide.read_text()
    guide.write_text(text.replace("| `ADMIN_KEY` ", "| `OTHER_KEY` "))
    done = checkout.inv("document.all")
    assert done.returncode == 0, done.stdout + done.stderr
    assert guide.read_text() == text
    assert checkout.processes() == {}
    assert checkout.vault == {}


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
