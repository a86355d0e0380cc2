"""Every text of the stack that a template writes goes through the quoting function of its format."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from jinja2 import Environment, nodes

from ops.description.read import read
from ops.description.stack import Stack
from ops.render.template import TEMPLATES, _environment
from ops.runbook.errors import RunbookError

STACK = Path(__file__).resolve().parents[2] / "ops" / "stack.toml"
QUOTING = {"toml", "yaml", "shell", "caddy"}
# Parts of a larger word, where nothing can be quoted; that nothing but a harmless word gets there the rules see to.
WORDS = {
    "stack.fly.app", "stack.domains.gateway", "stack.domains.langfuse", "stack.edge.paths", "stack.edge.max_body",
    "stack.images.langfuse_web", "stack.images.langfuse_worker", "stack.images.langfuse_version",
    "stack.images.caddy", "stack.clickhouse.image", "stack.storage.image",
}  # fmt: skip


def dotted(node: nodes.Node) -> str:
    """`stack.fly.app` for that expression; empty for any other."""
    if isinstance(node, nodes.Getattr):
        below = dotted(node.node)
        return f"{below}.{node.attr}" if below else ""
    return node.name if isinstance(node, nodes.Name) else ""


def is_figure(path: str) -> bool:
    """Whether what stands there is a number, a yes or no, or a table of which a part is taken."""
    kind: Any = Stack
    for part in path.split(".")[1:]:
        hints = get_type_hints(kind) if hasattr(kind, "__struct_fields__") else {}
        kind = hints.get(part) or (get_args(kind)[1] if get_origin(kind) is dict else None)
    return kind in (int, float, bool) or hasattr(kind, "__struct_fields__")


def bare(template: Path) -> set[str]:
    """The texts of the stack that a template writes without a quoting function."""
    environment: Environment = _environment()
    tree = environment.parse(template.read_text())
    found: set[str] = set()

    def walk(node: nodes.Node) -> None:
        if isinstance(node, nodes.Filter) and node.name in QUOTING:
            return
        path = dotted(node) if isinstance(node, nodes.Getattr) else ""
        if path.startswith("stack."):
            if not is_figure(path):
                found.add(path)
            return
        for child in node.iter_child_nodes():
            walk(child)

    for output in tree.find_all(nodes.Output):
        for node in output.nodes:
            walk(node)
    return found


@pytest.mark.parametrize("template", sorted(TEMPLATES.rglob("*.j2")), ids=lambda file: str(file.relative_to(TEMPLATES)))
def test_a_template_writes_no_text_of_the_stack_unquoted(template: Path) -> None:
    assert bare(template) - WORDS == set()


def test_a_bare_text_would_be_seen(tmp_path: Path) -> None:
    file = tmp_path / "x.j2"
    file.write_text(
        "a = {{ stack.fly.region }} {{ stack.ports.edge }} {{ stack.fly.org | toml }} {{ stack.redis.name | upper }}"
    )
    assert bare(file) == {"stack.fly.region", "stack.redis.name"}


@pytest.mark.parametrize("key", sorted(WORDS))
@pytest.mark.parametrize(
    "value", ["a b", "a\\nRUN id", "$(id)", "`id`", "x;id", "{$HOME}", "a'b", "a#b", "a\\\\b", "a}"]
)
def test_what_is_written_bare_is_a_harmless_word(key: str, value: str) -> None:
    """R22."""
    written = f'["/{value}"]' if key == "stack.edge.paths" else f'"{value}"'
    variable = key.replace("stack.", "STACK__", 1).replace(".", "__").upper()
    with pytest.raises(RunbookError) as refused:
        read(STACK, {variable: written})
    assert refused.value.code == "STACK-002"
