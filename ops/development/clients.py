"""Environments of the clients that tests/clients runs: other people's SDKs and agent frameworks, at pinned versions.

Python clients live in virtual environments, each from a `requirements.lock` with hashes; JavaScript ones in folders,
each from a `package-lock.json` without addresses. The Node that runs them is pinned too and comes with the Python lock.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import ssl
import sys
import time
from pathlib import Path

from ops.description.paths import ROOT
from ops.runbook import proc
from ops.runbook.files import write_atomic

SOURCE = ROOT / "tests" / "clients"
# Another folder for them, such as one that several checkouts share.
FOLDER = Path(os.environ.get("CLIENTS_DIR") or ROOT / ".tools" / "clients")
UV = Path(sys.executable).parent / "uv"
INSTALL_S = 600.0


def python(name: str) -> Path:
    """The interpreter of the Python environment `name`."""
    return FOLDER / "python" / name / "bin" / "python"


def node() -> Path:
    """The pinned Node."""
    return FOLDER / "python" / "current" / "bin" / "node"


def modules(name: str) -> Path:
    """The `node_modules` of the JavaScript environment `name`."""
    return FOLDER / "js" / name / "node_modules"


def is_installed() -> bool:
    """Whether every environment is there and made from its lock as it is now."""
    return all(_is_made(folder) for folder in _sources())


def make() -> None:
    """Install every environment whose lock has changed, saying which and how long it took.

    Raises:
        RunbookError: PROC-002 or PROC-003 when an installer fails; the same command again goes on.
    """
    for source in _sources():
        if not _is_made(source):
            _make(source)


def lock() -> None:
    """Resolve every lock anew: Python's to the newest releases, JavaScript's from the versions in `package.json`."""
    for source in _sources():
        print(f"resolving {source.parent.name}/{source.name}", flush=True)
        if source.parent.name == "python":
            _lock_python(source)
            _make(source)
        else:
            _lock_js(source)


def _make(source: Path) -> None:
    start, target = time.monotonic(), _target(source)
    kind = source.parent.name
    install, count = (_install_python, _count_python) if kind == "python" else (_install_js, _count_js)
    print(f"installing {count(source)} packages of {kind}/{source.name}", flush=True)
    _stamp(source).unlink(missing_ok=True)
    install(source, target)
    write_atomic(_stamp(source), _wanted(source))
    print(f"installed {kind}/{source.name} in {time.monotonic() - start:.0f} s", flush=True)


def _sources() -> list[Path]:
    """The folders that hold a lock, Python's first: Node comes with them."""
    found = [*SOURCE.glob("python/*/requirements.in"), *SOURCE.glob("js/*/package.json")]
    return [file.parent for file in sorted(found, key=lambda file: (file.name == "package.json", file))]


def _target(source: Path) -> Path:
    return FOLDER / source.parent.name / source.name


def _lock_file(source: Path) -> Path:
    return source / ("requirements.lock" if source.parent.name == "python" else "package-lock.json")


def _stamp(source: Path) -> Path:
    return _target(source) / ".made-from"


def _wanted(source: Path) -> str:
    return f"{hashlib.sha256(_lock_file(source).read_bytes()).hexdigest()} Python {sys.version.split()[0]}\n"


def _is_made(source: Path) -> bool:
    stamp = _stamp(source)
    return stamp.is_file() and stamp.read_text() == _wanted(source)


def _install_python(source: Path, target: Path) -> None:
    environment = _environment()
    proc.run([UV, "venv", "--quiet", "--clear", "--python", sys.executable, target], env=environment)
    words: list[str | Path] = [UV, "pip", "sync", "--quiet", "--python", target / "bin" / "python", "--require-hashes"]
    words += ["--only-binary", ":all:", "--compile-bytecode", _lock_file(source)]
    proc.run(words, env=environment, timeout=INSTALL_S)


def _install_js(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(source / name, target / name)
    npm = node().with_name("npm")
    words: list[str | Path] = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    proc.run(words, cwd=target, env=_environment(), timeout=INSTALL_S)


def _lock_python(source: Path) -> None:
    words: list[str | Path] = [UV, "pip", "compile", "--quiet", "requirements.in", "--universal", "--generate-hashes"]
    words += ["--no-emit-index-url", "--no-emit-find-links", "--python-version", "3.11", "--upgrade"]
    words += ["--custom-compile-command", "./inv dev.clients --lock", "-o", "requirements.lock"]
    proc.run(words, cwd=source, env=_environment(), timeout=INSTALL_S)


def _lock_js(source: Path) -> None:
    """npm writes where it found each package; without that, whoever installs uses the registry of their machine."""
    npm = node().with_name("npm")
    words: list[str | Path] = [npm, "install", "--package-lock-only", "--no-audit", "--no-fund", "--ignore-scripts"]
    proc.run(words, cwd=source, env=_environment(), timeout=INSTALL_S)
    document = json.loads(_lock_file(source).read_text())
    for package in document["packages"].values():
        package.pop("resolved", None)
    write_atomic(_lock_file(source), json.dumps(document, indent=2) + "\n")


def _count_python(source: Path) -> int:
    return sum("==" in line and not line.startswith((" ", "#")) for line in _lock_file(source).read_text().splitlines())


def _count_js(source: Path) -> int:
    return sum(bool(name) for name in json.loads(_lock_file(source).read_text())["packages"])


def _environment() -> dict[str, str]:
    """Ours, trusting what the machine trusts, and without a virtual environment that is not meant."""
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    if ssl.get_default_verify_paths().cafile:
        environment.setdefault("UV_SYSTEM_CERTS", "true")
    return environment
