"""The same command, however it is come by: another Invoke, a link, a subfolder, odd variables, planted links."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from ops.description import settings
from ops.runbook import lock
from ops.runbook.errors import RunbookError, refused
from ops.runbook.journal import Journal
from ops.runbook.progress import Outbox
from ops.session.compose import compose
from tests.integration.checkout import ROOT, Checkout

PIPX = (
    "import sys; sys.path.append(sys.argv.pop(1)); sys.argv[0] = 'inv'; from invoke.main import program; program.run()"
)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "checkout")


def said(*words: str | Path, cwd: Path, **env: str) -> str:
    """What the command says of a phase that does not exist; it got as far as the runbook's own code."""
    done = subprocess.run(
        words, cwd=cwd, env={**os.environ, **env}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.mark.parametrize("folder", [".", "docs/runbooks"])
def test_an_invoke_of_another_environment_hands_over(checkout: Checkout, tmp_path: Path, folder: str) -> None:
    """R8: Invoke by pipx has none of our packages; also `python -m invoke`, and from a subfolder."""
    site = tmp_path / "pipx"
    site.mkdir()
    (site / "invoke").symlink_to(Path(find_spec("invoke").origin).parent)  # type: ignore[union-attr,arg-type]
    bare = [sys.executable, "-I", "-S", "-c", PIPX, str(site)]
    phase = ["phase", "--n", "9"]
    assert "error CLI-001: there is no phase '9'" in said(*bare, *phase, cwd=checkout.root / folder)
    assert said(*bare, "--list", cwd=checkout.root / folder).startswith("Usage: ./inv")
    ours = [sys.executable, "-m", "invoke"]
    assert "error CLI-001: there is no phase '9'" in said(*ours, *phase, cwd=checkout.root / folder)


def test_a_link_on_the_path_leads_to_the_checkout(checkout: Checkout, tmp_path: Path) -> None:
    """R18: an absolute link, a relative one to it, and one in the checkout's own folder."""
    programs = tmp_path / "my bin"
    programs.mkdir()
    (programs / "runbook").symlink_to(checkout.root / "inv")
    (programs / "inv").symlink_to("runbook")
    (checkout.root / "again").symlink_to("inv")
    path = f"{programs}:{os.environ['PATH']}"
    for words in (["inv"], [programs / "inv"], [checkout.root / "again"], ["sh", "inv"]):
        cwd = checkout.root if words == ["sh", "inv"] else tmp_path
        assert "no phase '9'" in said(*words, "phase", "--n", "9", cwd=cwd, PATH=path)


@pytest.mark.parametrize("name", ["PYTHONSAFEPATH", "PYTHONOPTIMIZE", "PYTHONHOME", "PYTHONPATH"])
def test_pythons_own_variables_change_nothing(checkout: Checkout, tmp_path: Path, name: str) -> None:
    """R19, and its kind. A module of the same name as ours lies in the way."""
    (tmp_path / "ops").mkdir()
    (tmp_path / "ops" / "__init__.py").write_text("raise SystemExit('not ours')\n")
    value = {"PYTHONSAFEPATH": "1", "PYTHONOPTIMIZE": "2"}.get(name, str(tmp_path))
    listed = said(checkout.root / "inv", "--list", cwd=tmp_path, **{name: value})
    assert listed == said(checkout.root / "inv", "--list", cwd=tmp_path)
    assert "2.1   Write the Dockerfile" in listed


def test_an_empty_variable_hides_nothing_of_the_settings(tmp_path: Path) -> None:
    """R12."""
    (tmp_path / ".env").write_text("OPENAI_API_KEY=sk-from-env-file\nEMPTY=\n")
    found = settings.load(tmp_path, {"OPENAI_API_KEY": "", "EMPTY": "x", "OTHER": ""})
    assert found == {"OPENAI_API_KEY": "sk-from-env-file", "EMPTY": "x", "OTHER": ""}


def test_a_clone_for_windows_has_scripts_that_run(tmp_path: Path) -> None:
    """R15: whatever `core.autocrlf` says."""
    source, clone = tmp_path / "source", tmp_path / "clone"
    source.mkdir()
    for name in (".gitattributes", "inv", "tasks.py", "ops/bootstrap.sh"):
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_bytes((ROOT / name).read_bytes())
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.com", "-C", str(source)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "test"], check=True)
    words = ["git", "clone", "-q", "-c", "core.autocrlf=true", "-c", "core.eol=crlf", str(source), str(clone)]
    subprocess.run(words, check=True)
    for name in ("inv", "tasks.py", "ops/bootstrap.sh"):
        assert (clone / name).read_bytes() == (ROOT / name).read_bytes()


def refusal(act: object) -> str:
    with pytest.raises((RunbookError, OSError)) as caught:
        act()  # type: ignore[operator]
    error = caught.value
    return (refused(error) if isinstance(error, OSError) else error).what  # type: ignore[union-attr]


def test_planted_links_are_not_followed(tmp_path: Path) -> None:
    """R21: lock, journal and outbox would otherwise write over what the link names."""
    victim, state = tmp_path / "victim", tmp_path / "state"
    victim.write_text("precious")
    state.mkdir()
    for name in ("lock", "journal.jsonl", "outbox.jsonl", "outbox.lock"):
        (state / name).symlink_to(victim)

    def hold() -> None:
        with lock.held(state / "lock", "inv"):
            pass

    def send() -> None:
        with Outbox(state).alone():
            pass

    for act in (hold, send, lambda: Journal(state / "journal.jsonl").write("x"), lambda: Outbox(state).put("x", [])):
        assert "is a symbolic link, which is not followed" in refusal(act)
    assert victim.read_text() == "precious"


def test_a_planted_link_is_an_error_of_one_sentence(checkout: Checkout, tmp_path: Path) -> None:
    """R21, as an operator meets it."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    checkout.state.mkdir(parents=True, mode=0o700)
    (checkout.state / "lock").symlink_to(victim)
    done = checkout.inv("build.all")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error RUN-006: {checkout.state}/lock: is a symbolic link, which is not followed")
    assert victim.read_text() == "precious"


def test_each_stack_of_a_checkout_has_a_state_of_its_own(tmp_path: Path) -> None:
    """R9: another stack's tests are not shown as this one's."""
    (tmp_path / "ops").mkdir()
    own = compose("local", {}, tmp_path).paths.state
    assert own == tmp_path / ".state" / "local"
    named = {"RUNBOOK_STACK": str(tmp_path / "ops" / "stack.toml")}
    assert compose("local", named, tmp_path).paths.state == own
    places = {
        compose(target, {"RUNBOOK_STACK": file}, tmp_path).paths.state
        for file in ("staging.toml", "ops/staging.toml", "second/stack.toml")
        for target in ("local", "fly")
    }
    assert len({own, *places}) == 7
    assert all(tmp_path / ".state" in place.parents for place in places)
    relative = compose("local", {"RUNBOOK_STACK": "staging.toml"}, tmp_path).paths
    assert relative.stack_file == tmp_path / "staging.toml"  # whatever the current folder is


def test_a_malformed_url_is_named_by_its_variable(checkout: Checkout) -> None:
    """R14: before anything is locked or asked."""
    given = {"SUPABASE_DIRECT_URL": "mysql://x", "FLY_API_TOKEN": "none", "OPENAI_API_KEY": "sk-" + "a" * 40}
    done = checkout.inv("setup.secrets", "--target", "fly", **given)
    assert done.returncode == 1
    assert done.stderr.startswith("error PG-001: SUPABASE_DIRECT_URL: this is not a postgresql:// URL")
