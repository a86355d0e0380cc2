"""The production's Dockerfile, built: its assertions run, its failures are told, and it holds no secret."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from ops.build.image import Built, build_image
from ops.description.paths import ROOT
from ops.runbook.errors import RunbookError
from ops.services.engine.contents import contents
from ops.services.engine.engine import Engine
from tests.containers.conftest import BUILD_S, Made

pytestmark = pytest.mark.timeout(BUILD_S)
STACK = Path("fly", "hotdash-llm-gateway")


def test_the_image_is_built_and_its_layers_are_weighed(built: Built) -> None:
    assert len(built.id) == 64
    packages = [layer for layer in built.layers if "/opt/venv" in layer.made_by]
    assert packages
    assert sum(layer.size for layer in built.layers) > packages[0].size > 100_000_000


def copied(folder: Path) -> Path:
    """The gateway's folder in another checkout, with other dates."""
    unwanted = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(ROOT / STACK, folder / STACK, ignore=unwanted, copy_function=shutil.copy))


def test_the_same_files_give_the_same_layers(built: Built, made: Made, engine: Engine, tmp_path: Path) -> None:
    """Copied elsewhere, with other dates, and every line done anew; podman's history alone tells them apart."""
    if engine.kind == "docker":
        assert any("docker dates files" in caveat for caveat in built.caveats)
        return
    copied(tmp_path)
    name = f"localhost/{made.prefix}-again"
    build_image(made.workspace(tmp_path / "state", tmp_path), lambda line: None, tag=name, fresh=True)
    first, second = (engine.json("looking", "image", "inspect", image)[0]["RootFS"] for image in (built.tag, name))
    assert first["Layers"] == second["Layers"]


FLAGS = """
import importlib.util, pathlib, litellm
print(pathlib.Path(importlib.util.cache_from_source(litellm.__file__)).read_bytes()[4])
"""


def test_compiled_files_hold_whatever_the_sources_dates(built: Built, engine: Engine) -> None:
    """Else Python would compile all of it at each start, as a user who cannot keep it. 1: unchecked."""
    words = ("run", "--rm", "--network=none", *engine.options.run, built.tag, "python", "-c", FLAGS)
    assert engine.run("looking", *words, timeout=300).stdout.split()[-1] == "1"


def test_no_secret_is_in_the_history(built: Built, engine: Engine) -> None:
    inspected = engine.json("looking", "image", "inspect", built.tag)[0]
    names = [line.partition("=")[0] for line in inspected["Config"]["Env"]]
    assert not [name for name in names if any(word in name for word in ("KEY", "SECRET", "PASSWORD", "TOKEN", "URL"))]
    assert not [layer.made_by for layer in built.layers if "KEY=" in layer.made_by or "PASSWORD=" in layer.made_by]
    assert inspected["Config"]["User"] == "1001:1001"


BREAKS = {
    "a missing file": ("COPY config /opt/gateway/config", "COPY confg /opt/gateway/config", "confg"),
    "another layout": ("test -x worker/entrypoint.sh", "test -x worker/start.sh", "test -x worker/start.sh"),
    "a failing assertion": ("grep -x '4\\.50\\.0'", "grep -x '4\\.51\\.0'", "4\\.51\\.0"),
}


@pytest.mark.parametrize("kind", BREAKS)
def test_a_broken_dockerfile_shows_the_end_and_names_the_log(
    kind: str, built: Built, made: Made, tmp_path: Path, engine: Engine
) -> None:
    right, wrong, told = BREAKS[kind]
    dockerfile = copied(tmp_path) / "Dockerfile"
    text = dockerfile.read_text()
    assert right in text
    dockerfile.write_text(text.replace(right, wrong))
    name = f"localhost/{made.prefix}-broken"
    with pytest.raises(RunbookError) as caught:
        build_image(made.workspace(tmp_path / "state", tmp_path), lambda line: None, tag=name)
    log = tmp_path / "state" / "build-logs" / "image.log"
    assert caught.value.code == "ENGINE-006"
    assert told in caught.value.why
    assert str(log) in caught.value.next
    assert told in log.read_text()
    with pytest.raises(RunbookError):
        engine.json("looking", "image", "inspect", name)


def test_its_packages_are_those_of_the_lock(built: Built, engine: Engine) -> None:
    """What a bill of materials is made of: read inside the image, Python's and the system's."""
    found = contents(engine, built.tag)
    inside = {(canonical(package.name), package.version) for package in found.packages if package.kind == "pypi"}
    lines = (ROOT / STACK / "requirements.lock").read_text().splitlines()
    own = [line for line in lines if "==" in line and line[0].isalpha() and ";" not in line]
    pins = [line.split(" ")[0].partition("==") for line in own]
    assert len(pins) > 30
    assert {(canonical(name), version) for name, _, version in pins} <= inside
    assert [package for package in found.packages if package.kind in ("apk", "deb")]


def canonical(name: str) -> str:
    """As PEP 503 writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()
