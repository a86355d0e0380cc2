"""Looks for secrets in what is committed, now and before, with Kingfisher.

`secrets.yaml` beside this has its settings and what is allowed, `secret-rules.yaml` the kinds it does not know itself.
`python -m ops.development.secret_scan` looks through a checkout; with names of files, through those alone.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from ops.description.paths import ROOT
from ops.runbook import proc
from ops.runbook.errors import RunbookError

SCANNER = Path(sys.executable).parent / "kingfisher"
SETTINGS = Path("ops") / "development" / "secrets.yaml"
FOUND = 200
"""The scanner's exit code when it has found something."""


def command(where: Iterable[Path | str]) -> list[str]:
    """What looks through these files, or commits as `history` names them; run in the project's folder.

    By itself the scanner would try what it finds at the service it belongs to, and ask for a newer version of itself.
    """
    offline = ["--no-validate", "--no-update-check"]
    return [str(SCANNER), "scan", *offline, "--config", str(SETTINGS), *map(str, where)]


def tracked(root: Path) -> list[str]:
    """The files that git knows of and that are there, relative to `root`.

    Raises:
        RunbookError: PROC-001 without git, PROC-002 where `root` is no checkout.
    """
    return [name for name in _git(root, "ls-files", "-z").split("\0") if name and (root / name).is_file()]


def history(root: Path) -> list[str]:
    """Every commit that led to the present one, as words for the scanner.

    Raises:
        RunbookError: as `tracked`; PROC-002 also before the first commit.
    """
    folder = _git(root, "rev-parse", "--path-format=absolute", "--git-common-dir").strip()
    return [folder, "--branch", _git(root, "rev-parse", "HEAD").strip()]


def is_shallow(root: Path) -> bool:
    """Whether older commits were left out when the checkout was made."""
    return _git(root, "rev-parse", "--is-shallow-repository").strip() == "true"


def main(files: list[str]) -> int:
    """Look, and show what is found without its value; the scanner's exit code: 0 when there is nothing."""
    if not SCANNER.exists():
        print("the scanner for secrets is not there; to get it: ./inv dev.environment", file=sys.stderr)
        return 1
    try:
        where = files or [*history(ROOT), *tracked(ROOT)]
        if not files and is_shallow(ROOT):
            print("older commits are not here and not looked through; to get them: git fetch --unshallow", flush=True)
    except RunbookError as error:
        print(f"{error.code}: {error.what}", file=sys.stderr)
        return 1
    return subprocess.run(command(where), cwd=ROOT, check=False).returncode


def _git(root: Path, *words: str) -> str:
    return proc.run(["git", *words], cwd=root, timeout=60).stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
