"""`inv document.site`: the guides as a static site, by Sphinx in an environment of its own."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ops.description.environments import Environment
from ops.description.paths import ROOT
from ops.development import drawing
from ops.development.check import TOOLS
from ops.runbook import proc
from ops.runbook.errors import RunbookError

SOURCE = ROOT / "docs" / "site"
LOCK = SOURCE / "requirements.lock"
ENVIRONMENT = Environment(ROOT / ".tools" / "site", LOCK, ROOT)
OUT = ROOT / ".state" / "site"
BUILD_SECONDS = 300
CHAPTERS = {
    "Start": ("README.md", "docs/first-hour/README.md", "docs/first-hour/*-*.md"),
    "Guides": ("docs/runbooks/*.md", "vault-template/README.md"),
    "How it is made": (
        "docs/architecture.md",
        "docs/dependencies.md",
        "docs/scale.md",
        "docs/benchmarks.md",
        "fly/*/README.md",
        "docs/decisions/README.md",
        "docs/decisions/0*.md",
    ),
    "Contributing": ("CONTRIBUTING.md", "CHANGELOG.md"),
}
"""The site's contents, in the order a stranger reads them."""
PICTURE = re.compile(r"!\[[^\]]*\]\((?P<target>[^)\s:]+)\)")
MERMAID = re.compile(r"^```mermaid\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
INDEX = "# The LLM gateway: runbook and guides\n\nNew here? Begin with the [README](README.md).\n"


def build(out: Path | None = None, root: Path = ROOT) -> Path:
    """Build the site anew; a broken link or anchor, or whatever else Sphinx warns of, fails it.

    Args:
        out: where to; it is replaced, if it is empty or a site that this made before.
        root: the checkout whose documents are read.

    Returns:
        The site's first page.

    Raises:
        RunbookError: DOC-004 the documents do not make a site, DOC-005 `out` holds something else, DOC-006 its packages
            could not be installed.
    """
    out = (out or OUT).absolute()
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / ".buildinfo").is_file())):
        raise RunbookError(
            "DOC-005", f"{out} is there, and no site made by this command", next="inv document.site --out FOLDER"
        )
    _make_environment()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".site-") as folder:
        source, made = Path(folder) / "source", Path(folder) / "site"
        _collect(root, source)
        words: list[str | Path] = [ENVIRONMENT.python, "-m", "sphinx", "--quiet", "--no-color", "--fail-on-warning"]
        words += ["--keep-going", "--builder", "html", "--conf-dir", SOURCE, source, made]
        try:
            proc.run(words, cwd=root, timeout=BUILD_SECONDS)
        except RunbookError as error:
            raise RunbookError(
                "DOC-004",
                "the documents do not make a site",
                why=f"{error.what}\n{error.why}".replace(f"{source}/", ""),
                next="mend what it names, then inv document.site",
            ) from None
        shutil.rmtree(made / ".doctrees", ignore_errors=True)
        shutil.rmtree(out, ignore_errors=True)
        made.rename(out)
    return out / "index.html"


def pages(root: Path = ROOT) -> Iterator[tuple[str, list[Path]]]:
    """Each chapter with its documents."""
    for chapter, patterns in CHAPTERS.items():
        yield chapter, [file for pattern in patterns for file in sorted(root.glob(pattern))]


def lock() -> None:
    """Write the site's lock anew: exact versions and hashes for every platform, and no registry address."""
    proc.run(
        [
            TOOLS / "uv", "pip", "compile", "--group", "pyproject.toml:site", "--universal", "--generate-hashes",
            "--no-emit-index-url", "--no-emit-find-links", "--python-version", "3.11", "--upgrade",
            "--custom-compile-command", "./inv dev.lock --site", "-o", LOCK,
        ],
        cwd=ROOT,
        timeout=600,
    )  # fmt: skip


def _make_environment() -> None:
    if ENVIRONMENT.is_current:
        return
    ENVIRONMENT.folder.parent.mkdir(parents=True, exist_ok=True)
    if subprocess.run(ENVIRONMENT.making(sys.executable), cwd=ROOT, check=False).returncode:
        raise RunbookError(
            "DOC-006",
            "what makes the site could not be installed",
            next="see that the package registry can be reached, then run the same command again",
        )


def _collect(root: Path, source: Path) -> None:
    """Lay out what the site is made of as it lies in the checkout, so that the links between documents hold."""
    index = [INDEX]
    for chapter, files in pages(root):
        names = [file.relative_to(root) for file in files]
        for name in names:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            text = (root / name).read_text(encoding="utf-8")
            (source / name).write_text(MERMAID.sub(_drawn, text), encoding="utf-8")
            for picture in PICTURE.finditer(text):
                shown = source / name.parent / picture["target"]
                shown.parent.mkdir(parents=True, exist_ok=True)
                with contextlib.suppress(FileNotFoundError):  # Sphinx names it, and the page
                    shutil.copyfile(root / name.parent / picture["target"], shown)
        for folder in {file.parent for file in files}:
            for file in folder.glob("*.json"):  # what a document offers to take along
                shutil.copyfile(file, source / file.relative_to(root))
        entries = "\n".join(str(name.with_suffix("")) for name in names)
        index.append(f"```{{toctree}}\n:caption: {chapter}\n:maxdepth: 1\n\n{entries}\n```\n")
    (source / "index.md").write_text("\n".join(index), encoding="utf-8")


def _drawn(match: re.Match[str]) -> str:
    groups = drawing.groups(match["text"])
    return "\n\n".join(f'<div class="drawing">{drawing.svg(group)}</div>' for group in groups)
