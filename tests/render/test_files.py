from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.build.files import drift, write
from ops.description.paths import ROOT
from ops.render import render_all
from ops.render.files import names
from ops.render.template import HEADER
from tests.render.support import contents, deployment, stack


def test_the_committed_files_are_what_the_committed_stack_renders() -> None:
    folder = ROOT / stack().stack.folder
    differing = [name for name, text in render_all(stack()).items() if (folder / name).read_text() != text]
    assert differing == []


def test_every_file_says_where_it_is_edited_and_ends_in_one_newline() -> None:
    for name, text in render_all(stack()).items():
        assert any(HEADER in line for line in text.splitlines()[:2]), name
        assert text.endswith("\n"), name
        assert not text.endswith("\n\n"), name
        assert not any(line != line.rstrip() for line in text.splitlines()), name


def test_two_processes_render_the_same_texts() -> None:
    program = (
        "import hashlib, pathlib; from ops.render import render_all; from ops.description.read import read;"
        "print(hashlib.sha256(repr(render_all(read(pathlib.Path('ops/stack.toml'), {}))).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_writing_twice_changes_nothing_the_second_time(tmp_path: Path) -> None:
    here = deployment(tmp_path)
    assert write(here.stack, here.gateway_dir) == list(names(here.stack))
    before = contents(tmp_path)
    assert drift(here.stack, here.gateway_dir) == ""
    assert write(here.stack, here.gateway_dir) == []
    assert contents(tmp_path) == before


def test_only_scripts_can_be_executed(tmp_path: Path) -> None:
    here = deployment(tmp_path)
    write(here.stack, here.gateway_dir)
    executable = {name for name in names(here.stack) if os.access(here.gateway_dir / name, os.X_OK)}
    assert executable == {name for name in names(here.stack) if name.startswith("bin/")}


def test_files_that_are_not_rendered_are_left_alone(tmp_path: Path) -> None:
    here = deployment(tmp_path)
    own = here.gateway_dir / "bin" / "own.sh"
    own.parent.mkdir()
    own.write_text("mine\n")
    write(here.stack, here.gateway_dir)
    assert own.read_text() == "mine\n"
    assert "own.sh" not in drift(here.stack, here.gateway_dir)


def test_an_edited_file_shows_as_a_difference_and_is_put_right(tmp_path: Path) -> None:
    here = deployment(tmp_path)
    write(here.stack, here.gateway_dir)
    file = here.gateway_dir / "fly.toml"
    file.write_text(file.read_text().replace('primary_region = "ord"', 'primary_region = "fra"'))
    difference = drift(here.stack, here.gateway_dir)
    assert '-primary_region = "fra"' in difference
    assert '+primary_region = "ord"' in difference
    assert "--- a/fly.toml" in difference
    assert write(here.stack, here.gateway_dir) == ["fly.toml"]


def test_a_file_cut_off_in_the_middle_of_a_line_is_drift_that_reads_well(tmp_path: Path) -> None:
    here = deployment(tmp_path)
    write(here.stack, here.gateway_dir)
    file = here.gateway_dir / "fly.toml"
    file.write_text(file.read_text()[:100])
    assert all(line.startswith((" ", "+", "-", "@", "\\")) for line in drift(here.stack, here.gateway_dir).splitlines())


def test_a_script_that_lost_its_permission_is_drift(tmp_path: Path) -> None:
    here = deployment(tmp_path)
    write(here.stack, here.gateway_dir)
    script = here.gateway_dir / "bin" / "start-edge.sh"
    script.chmod(0o644)
    assert "new mode 755" in drift(here.stack, here.gateway_dir)
    assert write(here.stack, here.gateway_dir) == ["bin/start-edge.sh"]
    assert os.access(script, os.X_OK)


def test_other_permissions_of_readers_are_not_drift(tmp_path: Path) -> None:
    here = deployment(tmp_path)
    write(here.stack, here.gateway_dir)
    (here.gateway_dir / "fly.toml").chmod(0o600)
    assert drift(here.stack, here.gateway_dir) == ""


@pytest.mark.parametrize("provider", ["minio", "tigris"])
def test_minio_is_rendered_only_where_the_stack_uses_it(provider: str) -> None:
    rendered = render_all(stack(STORAGE__PROVIDER=f'"{provider}"'))
    assert any(name.startswith("minio/") for name in rendered) is (provider == "minio")
    assert ("FORCE_PATH_STYLE" in rendered["bin/start-langfuse.sh"]) is (provider == "minio")
