"""What the gateway is started from, and what it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.targets.local import gateway
from ops.targets.local.layout import Layout
from tests.targets.local import support


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = support.local(support.deployment(tmp_path)).layout
    for folder in ("bin", "config", "llm_gateway/inner"):
        (made.gateway / folder).mkdir(parents=True)
    for file in ("bin/start-litellm.sh", "config/litellm.config.yaml", "llm_gateway/a.py", "llm_gateway/inner/b.py"):
        (made.gateway / file).write_text(file)
    return made


@pytest.mark.parametrize(
    "file", ["bin/start-litellm.sh", "config/litellm.config.yaml", "llm_gateway/a.py", "llm_gateway/inner/b.py"]
)
def test_a_change_of_any_of_its_files_is_seen(layout: Layout, file: str) -> None:
    before = gateway.inputs(layout)
    (layout.gateway / file).write_text("changed")
    assert gateway.inputs(layout) != before


def test_compiled_bytecode_is_no_change(layout: Layout) -> None:
    before = gateway.inputs(layout)
    (layout.gateway / "llm_gateway" / "__pycache__").mkdir()
    (layout.gateway / "llm_gateway" / "__pycache__" / "a.cpython-311.pyc").write_bytes(b"x")
    assert gateway.inputs(layout) == before


def test_a_new_environment_is_a_change(layout: Layout) -> None:
    before = gateway.inputs(layout)
    layout.environment.mkdir()
    gateway.stamp(layout).write_text("another lock\n")
    assert gateway.inputs(layout) != before


def test_moving_text_from_one_file_to_the_next_is_a_change(tmp_path: Path) -> None:
    for name, text in (("a", "one"), ("b", "two")):
        (tmp_path / name).write_text(text)
    before = gateway.digest([tmp_path / "a", tmp_path / "b"])
    (tmp_path / "a").write_text("onet")
    (tmp_path / "b").write_text("wo")
    assert gateway.digest([tmp_path / "a", tmp_path / "b"]) != before


def test_it_listens_on_loopback_and_asks_loopback(tmp_path: Path) -> None:
    rehearsal = support.local(support.deployment(tmp_path)).rehearsal
    rehearsal.ports.reserve(["gateway", "openai", "langfuse"])
    told = gateway.variables(rehearsal)
    assert told["GATEWAY_HOST"] == "127.0.0.1"
    assert told["GATEWAY_PORT"] == str(rehearsal.ports.get("gateway"))
    assert told["UPSTREAM_OPENAI_BASE_URL"] == f"http://127.0.0.1:{rehearsal.ports.get('openai')}/v1"
    assert told["LANGFUSE_HOST"] == f"http://127.0.0.1:{rehearsal.ports.get('langfuse')}"
