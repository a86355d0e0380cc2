"""What is installed is what was locked, and nobody's registry is written down."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.parametrize("lock", sorted(HERE.glob("python/*/requirements.lock")), ids=lambda lock: lock.parent.name)
def test_every_python_package_has_one_version_and_hashes(lock: Path) -> None:
    text = lock.read_text()
    assert not re.search(r"^--|index-url|find-links", text, re.MULTILINE)
    blocks = [block for block in re.split(r"\n(?=[a-z0-9])", text) if "==" in block]
    assert len(blocks) > 50
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []


@pytest.mark.parametrize("lock", sorted(HERE.glob("js/*/package-lock.json")), ids=lambda lock: lock.parent.name)
def test_every_javascript_package_has_a_hash_and_no_address(lock: Path) -> None:
    packages = {name: found for name, found in json.loads(lock.read_text())["packages"].items() if name}
    assert len(packages) > 40
    assert [name for name, found in packages.items() if "resolved" in found or "integrity" not in found] == []


@pytest.mark.parametrize("file", sorted(HERE.glob("js/*/package.json")), ids=lambda file: file.parent.name)
def test_javascript_clients_are_named_by_exact_version(file: Path) -> None:
    wanted = json.loads(file.read_text())["dependencies"]
    assert [version for version in wanted.values() if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []
