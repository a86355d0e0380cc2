"""Steps 2.1 to 2.4 on an empty folder, with the real tools."""

from __future__ import annotations

import shutil
import stat
import sys
from pathlib import Path

import pytest

from ops.build import files
from ops.build import rendered as steps
from ops.build.rendered import Rendered
from ops.render.files import SCRIPTS
from ops.runbook.errors import RunbookError
from ops.runbook.step import State
from ops.targets.deployment import Deployment
from ops.validate import tools
from tests.flysim import binaries
from tests.render.support import contents, deployment

PARTS = [steps.DOCKERFILE, steps.SCRIPTS, steps.CONFIG, steps.FLY]
EACH = pytest.mark.parametrize("part", PARTS, ids=[part.key for part in PARTS])


def quiet(text: str) -> None:
    """Nobody listens."""


@EACH
def test_from_nothing_to_satisfied_and_then_nothing_more(part: Rendered, tmp_path: Path) -> None:
    here = deployment(tmp_path)
    assert part.look(here).state is State.MISSING
    said: list[str] = []
    part.act(here, said.append)
    assert part.look(here).state is State.SATISFIED
    assert any(line.startswith("rendered ") for line in said)
    before = contents(tmp_path)
    assert part.look(here).satisfied
    assert contents(tmp_path) == before


@EACH
def test_looking_leaves_no_trace(part: Rendered, tmp_path: Path) -> None:
    here = deployment(tmp_path)
    files.write(here.stack, here.gateway_dir, part.files(here.stack))
    before = contents(tmp_path)
    assert "not validated yet" in part.look(here).evidence
    assert contents(tmp_path) == before
    assert not here.paths.state.exists()


@EACH
def test_validating_leaves_nothing_but_a_private_note(part: Rendered, tmp_path: Path) -> None:
    here = deployment(tmp_path)
    files.write(here.stack, here.gateway_dir, part.files(here.stack))
    before = set(contents(tmp_path))
    part.act(here, quiet)
    new = set(contents(tmp_path)) - before
    assert new == {f".state/local/validated/{part.key}.json"}
    assert stat.S_IMODE((tmp_path / new.pop()).stat().st_mode) == 0o600


def test_a_change_by_hand_is_drift_with_a_difference_and_is_put_right(tmp_path: Path) -> None:
    here = deployment(tmp_path)
    steps.SCRIPTS.act(here, quiet)
    script = here.gateway_dir / "bin" / "start-edge.sh"
    good = script.read_text()
    script.write_text(good.replace("set -eu", "set -u"))
    look = steps.SCRIPTS.look(here)
    assert look.state is State.DRIFTED
    assert "+set -eu" in look.diff
    steps.SCRIPTS.act(here, quiet)
    assert script.read_text() == good


def test_a_damaged_note_means_validate_again(tmp_path: Path) -> None:
    here = deployment(tmp_path)
    steps.CONFIG.act(here, quiet)
    note = here.paths.state / "validated" / "config.json"
    for damage in ("", "[]", '{"subject": 1}', "null"):
        note.write_text(damage)
        assert "not validated yet" in steps.CONFIG.look(here).evidence
    steps.CONFIG.act(here, quiet)
    assert steps.CONFIG.look(here).satisfied


def test_another_lock_means_validate_again_and_a_bad_one_is_refused(tmp_path: Path) -> None:
    here = deployment(tmp_path)
    steps.DOCKERFILE.act(here, quiet)
    lock = here.gateway_dir / "requirements.lock"
    lock.write_text("--index-url https://packages.example\nlitellm==1.0\n")
    assert "not validated yet" in steps.DOCKERFILE.look(here).evidence
    with pytest.raises(RunbookError) as caught:
        steps.DOCKERFILE.act(here, quiet)
    assert caught.value.code == "BUILD-002"
    assert "names an index or an address" in caught.value.why
    assert "needs a version and hashes" in caught.value.why


def test_an_image_that_may_change_under_its_name_is_a_warning(tmp_path: Path) -> None:
    here = deployment(tmp_path, STORAGE__IMAGE='"registry.example/minio:latest"')
    steps.FLY.act(here, quiet)
    assert "storage.image is not pinned: pin by digest before production" in steps.FLY.look(here).evidence
    pinned = deployment(tmp_path / "pinned", STORAGE__IMAGE=f'"registry.example/minio:1@sha256:{"1" * 64}"')
    steps.FLY.act(pinned, quiet)
    assert "pin by digest" not in steps.FLY.look(pinned).evidence


def test_a_caddy_by_name_alone_is_warned_of(tmp_path: Path) -> None:
    image = "docker.io/library/caddy:2.11.7-alpine"
    for name, warned in ((image, True), (f"{image}@sha256:{'1' * 64}", False)):
        here = deployment(tmp_path / str(warned), IMAGES__CADDY=f'"{name}"')
        steps.DOCKERFILE.act(here, quiet)
        assert ("images.caddy is not pinned" in steps.DOCKERFILE.look(here).evidence) == warned


def test_a_stack_whose_machines_fly_does_not_have_is_refused_with_the_key(tmp_path: Path) -> None:
    with pytest.raises(RunbookError) as caught:
        deployment(tmp_path, FLY__GROUPS__UI__MEMORY_MB="3000")
    assert caught.value.code == "STACK-002"
    assert "fly.groups.ui.memory_mb" in caught.value.what
    assert not any(tmp_path.rglob("fly.toml")), "before anything is written"


def test_a_folder_where_a_file_cannot_be_written_is_said_plainly(tmp_path: Path) -> None:
    here = deployment(tmp_path)
    (here.gateway_dir / "bin").write_text("a file where a folder must be\n")
    with pytest.raises(RunbookError) as caught:
        steps.SCRIPTS.act(here, quiet)
    assert caught.value.code == "BUILD-001"
    assert "bin" in caught.value.what


def place(here: Deployment) -> tools.Place:
    return tools.Place(here.gateway_dir, here.paths.root, here.environ["PATH"])


def broken(here: Deployment, name: str, text: str) -> Deployment:
    files.write(here.stack, here.gateway_dir)
    (here.gateway_dir / name).write_text(text)
    return here


def test_hadolint_finds_what_is_wrong_and_names_the_line(tmp_path: Path) -> None:
    here = broken(deployment(tmp_path), "Dockerfile", "FROM alpine\nRUN cd /tmp\n")
    found = [str(finding) for finding in tools.hadolint(place(here), "Dockerfile")]
    assert any(line.startswith("Dockerfile: 1 DL3006") for line in found), found


def test_shellcheck_finds_what_is_wrong_and_names_the_script(tmp_path: Path) -> None:
    here = broken(deployment(tmp_path), "bin/start-edge.sh", "#!/bin/sh\necho $1 [[ a ]]\n")
    found = [str(finding) for finding in tools.shellcheck(place(here), SCRIPTS)]
    assert any(line.startswith("bin/start-edge.sh: 2:") for line in found), found


def test_caddy_finds_what_is_wrong_and_names_the_line(tmp_path: Path) -> None:
    here = broken(deployment(tmp_path), "config/Caddyfile", ":8080 {\n\treverse_prxy a:1\n}\n")
    found = tools.caddy(place(here), "config/Caddyfile")
    assert "Caddyfile:2" in found[0].text, found
    here = broken(here, "config/Caddyfile", ":8080 {\n  respond 200\n}\n")
    assert "not in Caddy's own form" in tools.caddy(place(here), "config/Caddyfile")[0].text


def test_yaml_that_is_none_and_secrets_in_it_are_found(tmp_path: Path) -> None:
    from ops.validate import litellm

    here = broken(deployment(tmp_path), "config/litellm.config.yaml", "model_list: [\n")
    assert "not YAML" in litellm.config(here.gateway_dir, "config/litellm.config.yaml")[0].text
    secret = "sk-" + "a" * 30
    here = broken(here, "config/litellm.config.yaml", f"model_list: []\ngateway: {{a: {secret}}}\n")
    found = litellm.config(here.gateway_dir, "config/litellm.config.yaml")
    assert [finding.text for finding in found] == ["holds what looks like a secret"]


def test_a_tool_that_is_not_there_is_said_and_nothing_is_called_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    here = deployment(tmp_path / "checkout")
    here.environ["PATH"] = str(tmp_path)
    steps.SCRIPTS.act(here, quiet)
    assert "not checked: shellcheck is not on this machine" in steps.SCRIPTS.look(here).evidence


def test_tools_are_given_no_variable_of_the_operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = tmp_path / "seen"
    tool = tmp_path / "bin" / "hadolint"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\nenv > "{seen}"\n')
    tool.chmod(0o755)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setenv("OPENAI_API_KEY", "not-for-tools")
    here = deployment(tmp_path / "checkout")
    files.write(here.stack, here.gateway_dir)
    assert tools.hadolint(place(here), "Dockerfile") == []
    assert "not-for-tools" not in seen.read_text()


def test_flyctl_itself_accepts_the_files_where_it_is_there(tmp_path: Path) -> None:
    here = deployment(tmp_path)
    here.environ["PATH"] += ":" + str(Path(__file__).resolve().parents[2] / ".tools" / "bin")
    if tools.find(place(here), "flyctl") is None:
        pytest.skip(binaries.WHY_NOT)
    files.write(here.stack, here.gateway_dir)
    for name in ("fly.toml", "clickhouse/fly.toml", "minio/fly.toml"):
        assert tools.flyctl(place(here), name) == []
    broken(here, "fly.toml", 'app = "x"\nkill_timeout = "a while"\n')
    assert tools.flyctl(place(here), "fly.toml") != []


def test_what_has_been_validated_is_not_rendered_again_until_something_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look with nothing to do costs no template engine; each thing that rendering depends on brings it back."""
    here = deployment(tmp_path)
    steps.SCRIPTS.act(here, quiet)
    rendered: list[str] = []
    render = files.render
    monkeypatch.setattr(files, "render", lambda stack, name: rendered.append(name) or render(stack, name))
    assert steps.SCRIPTS.look(here).satisfied
    assert rendered == []
    script = here.gateway_dir / "bin" / "start-edge.sh"
    script.chmod(0o644)
    assert steps.SCRIPTS.look(here).state is State.DRIFTED
    script.chmod(0o755)
    rendered.clear()
    other = deployment(tmp_path / "other", FLY__GROUPS__UI__MEMORY_MB="1024")
    shutil.copytree(here.gateway_dir, other.gateway_dir, dirs_exist_ok=True)
    shutil.copytree(here.paths.state, other.paths.state)
    assert steps.SCRIPTS.look(other).satisfied, "what it changes is in another file"
    assert rendered
    rendered.clear()
    monkeypatch.setattr("ops.render.files.source", lambda: "another template")
    assert steps.SCRIPTS.look(here).satisfied
    assert rendered
