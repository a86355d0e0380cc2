"""The drawing of the architecture: packages and their imports, as Mermaid text, made from the code."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from ops.description.paths import ROOT
from ops.runbook.files import write_atomic

PAGE = ROOT / "docs" / "architecture.md"
BLOCK = re.compile(r"(<!-- drawn: packages -->\n).*?(<!-- end -->)", re.DOTALL)
GATEWAY = "llm_gateway"
NAMED = re.compile(r'"ops\.(\w+)[\w.]*:\w+"')  # what the phases name as text, to be imported when it is called


def write() -> bool:
    """Bring the drawing on the page up to date; whether it has changed.

    Raises:
        ValueError: the page has no place for it.
    """
    have = PAGE.read_text(encoding="utf-8")
    want = page(have)
    if want != have:
        write_atomic(PAGE, want)
    return want != have


def page(text: str) -> str:
    """The text of the page with the drawing made anew. Raises ValueError if the page has no place for it."""
    if not BLOCK.search(text):
        raise ValueError(f"{PAGE} has no block 'drawn: packages'")
    return BLOCK.sub(lambda match: f"{match[1]}```mermaid\n{drawing()}\n```\n{match[2]}", text)


def drawing() -> str:
    """Both programs, a box for each package: the runbook's in its layers, the gateway's beside it."""
    lines = ["flowchart TB"]
    for package, folder in (("ops", ROOT), (GATEWAY, gateway_folder())):
        arrows = reduced(imports(package, folder))
        lines.append(f"  subgraph {package}")
        lines += [f"    {_box(name, folder / package)}" for name in sorted(arrows)]
        lines += [f"    {name} --> {other}" for name in sorted(arrows) for other in sorted(arrows[name])]
        lines.append("  end")
    return "\n".join(lines)


def gateway_folder() -> Path:
    """The folder that holds the gateway's package."""
    stack = tomllib.loads((ROOT / "ops" / "stack.toml").read_text(encoding="utf-8"))
    return ROOT / str(stack["stack"]["folder"])


def imports(package: str, folder: Path) -> dict[str, set[str]]:
    """Which parts of `package` each of its parts imports; a part is a package or a module directly in it.

    Imports inside functions, those for types alone, and what is named as text to be imported later count.
    """
    import grimp  # a development tool: the runbook itself must work without it

    sys.path.insert(0, str(folder))
    try:
        graph = grimp.build_graph(package, exclude_type_checking_imports=False, cache_dir=None)
    finally:
        sys.path.remove(str(folder))
    arrows: dict[str, set[str]] = {name.split(".")[1]: set() for name in graph.find_children(package)}
    for module in graph.modules - {package}:
        for other in graph.find_modules_directly_imported_by(module) - {package}:
            if module.split(".")[1] != other.split(".")[1]:
                arrows[module.split(".")[1]].add(other.split(".")[1])
    for file in (folder / package).glob("*/**/*.py"):
        part = file.relative_to(folder / package).parts[0]
        arrows[part].update(set(NAMED.findall(file.read_text(encoding="utf-8"))) - {part})
    return arrows


def reduced(arrows: dict[str, set[str]]) -> dict[str, set[str]]:
    """The same order with the fewest arrows: what is reached through another part gets none of its own."""
    return {
        name: {other for other in below if not any(other in _below(arrows, via) for via in below - {other})}
        for name, below in arrows.items()
    }


def _below(arrows: dict[str, set[str]], start: str) -> set[str]:
    """Everything reached from `start`."""
    found: set[str] = set()
    todo = [start]
    while todo:
        for other in arrows[todo.pop()] - found:
            found.add(other)
            todo.append(other)
    return found


def _box(name: str, folder: Path) -> str:
    """A part of a program and the first words of its docstring."""
    file = folder / name / "__init__.py"
    file = file if file.is_file() else folder / f"{name}.py"
    said = (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").splitlines()
    words = re.split(r"\.(?:\s|$)|;", said[0])[0] if said else ""
    return f'{name}["<b>{name}</b><br/>{" <br/>".join(_wrapped(words))}"]'


def _wrapped(text: str, width: int = 28) -> Iterator[str]:
    line = ""
    for word in text.replace('"', "'").replace("`", "").split():
        if line and len(line) + len(word) >= width:
            yield line
            line = ""
        line = f"{line} {word}".strip()
    yield line
