"""Phase by phase is the same as all at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.integration.checkout import ROOT, Checkout, assert_nothing_to_do


def test_five_phases_in_order_reach_the_same_state_as_all_at_once(fresh: Callable[[], Checkout]) -> None:
    by_phase, at_once = fresh(), fresh()
    for number in "12345":
        done = by_phase.inv("phase", "--n", number)
        assert done.returncode == 0, done.stdout + done.stderr
    done = at_once.inv("deploy.all", "test.all", "document.all")
    assert done.returncode == 0, done.stdout + done.stderr
    for checkout in (by_phase, at_once):
        assert_nothing_to_do(checkout)
    assert _state(by_phase) == _state(at_once)


def _state(checkout: Checkout) -> object:
    """What both must have in common: the checklist, the secrets' names, the rendered files, the servers."""
    status = checkout.json("status")
    rendered = {
        str(file.relative_to(checkout.root)): file.read_text()
        for folder in ("fly", "docs")
        for file in sorted((checkout.root / folder).rglob("*"))
        if file.is_file() and file.suffix != ".pyc"
    }
    servers = sorted((server["name"], server["state"]) for server in checkout.json("local.status")["servers"])
    return [(line["text"], line["met"]) for line in status["checklist"]], sorted(checkout.vault), rendered, servers


def test_a_fresh_plan_tells_what_differs_from_what_cannot_be_known(fresh: Callable[[], Checkout]) -> None:
    checkout = fresh()
    done = checkout.inv("plan")
    assert done.returncode == 2
    steps = {step["key"]: step for step in checkout.json("plan")["steps"]}
    assert steps["local.supervisor"]["answer"] == "differs"
    assert steps["setup.schema"]["answer"] == "not knowable"
    assert steps["setup.schema"]["until"]
    assert set(checkout.json("status")["endpoints"].values()) == {None}
    assert not (checkout.root / ".state").exists()
    assert checkout.processes() == {}


def test_a_dry_run_from_nothing_touches_nothing(fresh: Callable[[], Checkout]) -> None:
    checkout = fresh()
    before = _files(checkout)
    done = checkout.inv("--dry", "deploy.all", "test.all")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "runs every time  4.1    Smoke test" in done.stdout
    assert _files(checkout) == before
    assert checkout.processes() == {}


def _files(checkout: Checkout) -> set[Path]:
    """Everything but the environments, and the bytecode that `./inv` compiles when it makes them."""
    found = {file.relative_to(checkout.root) for file in checkout.root.rglob("*")}
    return {file for file in found if not {".venv", ".venv-gateway", "__pycache__"} & set(file.parts)}


def test_another_companys_stack_is_rehearsed_by_the_same_runbook(tmp_path: Path, gateway_environment: None) -> None:
    """Other names, teams, models, ports and folder; one domain; no semantic cache."""
    checkout = Checkout(tmp_path / "nordlicht", ROOT / "tests" / "fixtures" / "second-stack" / "stack.toml")
    try:
        done = checkout.inv("deploy.all", "test.all", "document.all")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "this stack has no semantic cache" in done.stdout
        assert_nothing_to_do(checkout)
    finally:
        checkout.down()
