"""`inv dev.check`: lint, types and tests, each by its own tool, all of them even when one fails."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from ops.runbook import proc
from ops.world import ROOT

PYTHON = sys.executable
TOOLS = Path(sys.executable).parent


def check() -> bool:
    """Run every check, showing its output as it comes. Returns whether all are green."""
    shell = [str(path.relative_to(ROOT)) for path in _shell_files()]
    stages: list[tuple[str, list[str]]] = [
        ("ruff", [str(TOOLS / "ruff"), "check", "."]),
        ("mypy, the runbook", [str(TOOLS / "mypy")]),
        ("mypy, the gateway", [str(TOOLS / "mypy"), "--config-file", "fly/mypy.ini"]),
        ("shellcheck", [str(TOOLS / "shellcheck"), "-x", *shell]),
        ("tests, the runbook", [PYTHON, "-m", "pytest", "-q"]),
    ]
    failed = []
    for name, command in stages:
        start = time.monotonic()
        print(f"== {name}", flush=True)
        code = subprocess.run(command, cwd=ROOT, env=_environment(), check=False).returncode
        if code:
            failed.append(name)
        print(
            f"== {name}: {'ok' if code == 0 else f'exit {code}'} ({time.monotonic() - start:.0f} s)",
            flush=True,
        )
    print("all green" if not failed else f"failed: {', '.join(failed)}")
    return not failed


def _environment() -> dict[str, str]:
    """Ours, without what would make a child think it runs inside this run."""
    return {name: value for name, value in os.environ.items() if not name.startswith("INVOKE_")}


def _shell_files() -> list[Path]:
    """Every shell script of the project."""
    return [
        ROOT / "inv",
        *sorted((ROOT / "ops").glob("*.sh")),
        *sorted((ROOT / "fly").glob("*/bin/*.sh")),
        *sorted((ROOT / ".ci").glob("run")),
    ]


def lock() -> None:
    """Write requirements.lock anew: exact versions and hashes for every platform, and no registry address."""
    proc.run(
        [
            TOOLS / "uv",
            "pip",
            "compile",
            "pyproject.toml",
            "--group",
            "dev",
            "--universal",
            "--generate-hashes",
            "--no-emit-index-url",
            "--no-emit-find-links",
            "--python-version",
            "3.11",
            "--upgrade",
            "--custom-compile-command",
            "./inv dev.lock",
            "-o",
            "requirements.lock",
        ],
        cwd=ROOT,
        timeout=600,
    )
