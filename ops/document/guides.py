"""The written guides: generated blocks follow the stack file, prose is checked against the real commands.

A generated block stands between `<!-- generated: NAME -->` and `<!-- end -->`; everything else is prose.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path

from ops.document import dashboard
from ops.document.blocks import BLOCKS
from ops.runbook.errors import RunbookError
from ops.runbook.files import write_atomic
from ops.runbook.step import Look, Say, drifted, missing, satisfied
from ops.targets.deployment import Deployment

BLOCK = re.compile(r"(<!-- generated: (?P<name>[\w-]+) -->\n)(?P<body>.*?)(<!-- end -->)", re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
COMMAND = re.compile(r"(?:\./)?\binv (?P<options>(?:--dry )?)(?P<name>[a-z][a-z_]*(?:\.[a-z_]+)?)")
CODE = re.compile(r"```.*?```|`[^`]+`", re.DOTALL)


def files(deployment: Deployment, group: str) -> list[Path]:
    """The documents of one step of phase 5."""
    runbooks = deployment.paths.root / "docs" / "runbooks"
    return {
        "deployment": [
            deployment.gateway_dir / "README.md",
            runbooks / "llm-gateway-deployment.md",
            runbooks / "llm-gateway-testing.md",
        ],
        "cutover": [runbooks / "llm-gateway-cutover.md"],
        "monitoring": [
            runbooks / dashboard.NAME,  # first: the guide links to it
            runbooks / "llm-gateway-monitoring.md",
            runbooks / "llm-gateway-incident.md",
        ],
        "vault": [runbooks / "llm-gateway-rotation.md"],
    }[group]


def look(deployment: Deployment, group: str) -> Look:
    """Whether the group's documents are there, up to date, and true to the commands and files they name."""
    documents = files(deployment, group)
    absent = [_name(deployment, file) for file in documents if not file.is_file()]
    if absent:
        return missing(f"no {', '.join(absent)}")
    differences: list[str] = []
    for file in documents:
        have = file.read_text(encoding="utf-8")
        want = _generated(deployment, file, have)
        if have != want:
            name = _name(deployment, file)
            differences += difflib.unified_diff(have.splitlines(), want.splitlines(), name, name, lineterm="", n=1)
    if differences:
        return drifted(f"generated blocks of {len(documents)} documents are out of date", "\n".join(differences))
    problems = [problem for file in documents for problem in faults(deployment, file)]
    if problems:
        return drifted(f"{len(problems)} places are not true", "\n".join(problems))
    return satisfied(
        f"{', '.join(_name(deployment, file) for file in documents)}: up to date, links and commands exist"
    )


def write(deployment: Deployment, group: str, say: Say) -> None:
    """Bring the generated blocks up to date; prose is never touched.

    Raises:
        RunbookError: DOC-001 a document is gone, DOC-002 its prose names what does not exist.
    """
    for file in files(deployment, group):
        try:
            have = file.read_text(encoding="utf-8") if file.name != dashboard.NAME or file.exists() else ""
        except OSError as error:
            name = _name(deployment, file)
            raise RunbookError(
                "DOC-001",
                f"{name}: {error.strerror}",
                why="its prose is written by people and cannot be generated",
                next=f"git checkout -- {name}",
            ) from None
        want = _generated(deployment, file, have)
        if want != have:
            write_atomic(file, want)
        problems = list(faults(deployment, file))
        if problems:
            raise RunbookError(
                "DOC-002", problems[0], why="\n".join(problems[1:]), next=f"edit {_name(deployment, file)}"
            )


def faults(deployment: Deployment, file: Path) -> Iterator[str]:
    """Links to files that are not there, and `inv` commands that do not exist."""
    text = file.read_text(encoding="utf-8")
    name = _name(deployment, file)
    for match in LINK.finditer(text):
        target = match["target"].split("#")[0]
        if target and "://" not in target and not target.startswith("mailto:") and not (file.parent / target).exists():
            yield f"{name}: link to {target}, which does not exist"
    known = deployment.commands()
    for span in CODE.finditer(text):
        for match in COMMAND.finditer(span.group()):
            if match["name"] not in known:
                yield f"{name}: inv {match['name']} is no command"


def _name(deployment: Deployment, file: Path) -> str:
    return str(file.relative_to(deployment.paths.root))


def _generated(deployment: Deployment, file: Path, text: str) -> str:
    """The text with every generated block made anew; the dashboard is generated whole."""
    if file.name == dashboard.NAME:
        return dashboard.text(deployment.stack, dashboard.listed(deployment.gateway_dir))

    def block(match: re.Match[str]) -> str:
        make = BLOCKS.get(match["name"])
        if make is None:
            raise RunbookError(
                "DOC-003",
                f"{_name(deployment, file)}: there is no generated block '{match['name']}'",
                why=f"blocks are: {', '.join(BLOCKS)}",
                next=f"edit {_name(deployment, file)}",
            )
        return f"{match[1]}{make(deployment)}\n{match[4]}"

    return BLOCK.sub(block, text)
