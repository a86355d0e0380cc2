"""Step 0.1: the gateway's own Python environment, from the same lock as the image."""

from __future__ import annotations

import hashlib
import os
import platform
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ops.runbook import proc
from ops.runbook.errors import RunbookError
from ops.runbook.files import write_atomic
from ops.runbook.step import Look, Say, drifted, missing, satisfied
from ops.targets.local import tools
from ops.targets.local.layout import Layout, read

if TYPE_CHECKING:
    from ops.targets.local.rehearsal import Rehearsal
    from ops.targets.workspace import Workspace

INSTALL_S = 900.0


def stamp(layout: Layout) -> Path:
    """The file that says from which lock, for which Python, the environment was made; written last."""
    return layout.environment / "made-from"


def wanted_stamp(layout: Layout) -> str:
    """What that file must say.

    Raises:
        RunbookError: LOCAL-007 the lock is not there.
    """
    lock = layout.gateway / "requirements.lock"
    try:
        content = lock.read_bytes()
    except OSError as error:
        raise RunbookError(
            "LOCAL-007", f"{lock} cannot be read: {error.strerror}", next=f"git checkout {lock}"
        ) from None
    return f"{hashlib.sha256(content).hexdigest()} {platform.python_implementation()} {sys.version.split()[0]}\n"


class Environment:
    """The gateway's environment is there and made from the lock as it is now."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self.layout = rehearsal.layout

    @property
    def _python(self) -> Path:
        return self.layout.environment / "bin" / "python"

    def look(self, workspace: Workspace) -> Look:
        """Whether the environment is there, complete, and made from the present lock and Python."""
        wanted = wanted_stamp(self.layout)
        if not self._python.exists():
            return missing("the gateway's Python environment is not there")
        found = read(stamp(self.layout))
        if found is None:
            return missing("the gateway's Python environment is not complete")
        if found != wanted:
            return drifted("the gateway's Python environment was made from another lock or Python")
        return satisfied(f"{self.layout.environment.name}, Python {wanted.split()[-1]}, lock {wanted[:12]}")

    def act(self, workspace: Workspace, say: Say) -> None:
        """Make the environment if need be, and install exactly what the lock names, by uv.

        Raises:
            RunbookError: LOCAL-006 uv is not there; PROC-002 it fails, PROC-003 it takes too long.
        """
        uv = tools.need("uv", "it installs the gateway's environment")
        wanted = wanted_stamp(self.layout)
        stamp(self.layout).unlink(missing_ok=True)
        environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
        # A company's proxy has its own authority, which this machine trusts and uv's built-in list does not.
        if ssl.get_default_verify_paths().cafile or sys.platform == "darwin":
            environment.setdefault("UV_SYSTEM_CERTS", "true")
        if not self._is_sound():
            say("making the gateway's Python environment")
            command: list[str | Path] = [
                uv,
                "venv",
                "--quiet",
                "--allow-existing",
                "--python",
                sys.executable,
                self.layout.environment,
            ]
            proc.run(command, env=environment, cwd=self.layout.gateway)
        lock = self.layout.gateway / "requirements.lock"
        say(f"installing {_count(lock)} packages for the gateway (LiteLLM among them)")
        # Nothing but what the lock names, also where an earlier one named more.
        words: list[str | Path] = [uv, "pip", "sync", "--quiet", "--python", self._python]
        words += ["--require-hashes", "--only-binary", ":all:", lock]
        proc.run(words, env=environment, cwd=self.layout.gateway, timeout=INSTALL_S)
        self._compile(say)
        write_atomic(stamp(self.layout), wanted)

    def _is_sound(self) -> bool:
        """Whether there is a Python in it of the version that runs us: another cannot use its packages."""
        if not self._python.exists():
            return False
        words: list[str | Path] = [self._python, "-c", "import sys; print(sys.version.split()[0])"]
        done = proc.run(words, check=False, timeout=30)
        return done.returncode == 0 and done.stdout.strip() == sys.version.split()[0]

    def _compile(self, say: Say) -> None:
        """Compile, package by package: started without, the gateway needs several times as long, at every start."""
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        folder = self.layout.environment / "lib" / version / "site-packages"
        packages = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.endswith(".dist-info"))
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        workers = str(min(4, os.cpu_count() or 1))
        for number, package in enumerate(packages):
            if number % 10 == 0 or package.name == "litellm":
                say(f"compiling the gateway's packages: {number} of {len(packages)}, {package.name}")
            words: list[str | Path] = [self._python, "-m", "compileall", "-q", "-j", workers, package]
            # Some packages carry files for other Python versions, which do not compile and are never imported.
            proc.run(words, env=environment, check=False, timeout=INSTALL_S)
        proc.run([self._python, "-m", "compileall", "-q", "-l", folder], env=environment, check=False, timeout=60)


def _count(lock: Path) -> int:
    return sum("==" in line and not line.startswith((" ", "#")) for line in lock.read_text().splitlines())
