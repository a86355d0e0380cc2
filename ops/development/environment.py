"""The developers' environment: made on first use, and what every `inv dev.*` runs in."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

from ops.description.environments import development
from ops.description.paths import ROOT


def is_ours() -> bool:
    """Whether this Python has the developers' packages."""
    return importlib.util.find_spec("pytest") is not None


def make() -> int:
    """Have the environment complete and current, saying on standard error what is done; an exit code."""
    environment = development()
    if environment.is_current:
        return 0
    return subprocess.run(environment.making(sys.executable), cwd=ROOT, check=False).returncode


def run(*words: str) -> int:
    """Run `inv WORDS` with the developers' Python; its exit code."""
    code = make()
    if code:
        return code
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INVOKE_")}
    command = [str(development().python), "-S", str(ROOT / "tasks.py"), *words]
    return subprocess.run(command, env=kept, check=False).returncode
