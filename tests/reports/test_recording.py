"""Only production reports its progress."""

from __future__ import annotations

from pathlib import Path

from tests.integration.checkout import Checkout


def test_a_rehearsal_reports_nothing_and_completes_nothing(tmp_path: Path) -> None:
    """R4: its log is its journal."""
    repository = tmp_path / "shop"
    (repository / "scripts" / "agent").mkdir(parents=True)
    checkout = Checkout(tmp_path / "checkout")
    done = checkout.inv("build.all", PROGRESS_REPOSITORY=str(repository))
    assert done.returncode == 0, done.stderr
    assert any(event["event"] == "step" for event in checkout.journal)
    assert not (checkout.state / "progress").exists()
    assert "progress" not in done.stderr
