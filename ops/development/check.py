"""`inv dev.*`: lint, types, tests and benchmarks, each by its own tool, in the environment it needs."""

from __future__ import annotations

import filecmp
import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ops.description import environments
from ops.description.environments import development
from ops.description.paths import ROOT
from ops.development import not_run
from ops.development.stages import Check, Stage
from ops.runbook import proc
from ops.runbook.errors import EXIT_BLOCKED, EXIT_OK, RunbookError

PYTHON = sys.executable
TOOLS = Path(sys.executable).parent
FLY_TESTS = ("tests/conformance", "tests/flysim", "tests/integration/fly", "tests/targets/fly")
CLIENT_TESTS = "tests/clients"
CONTAINER_TESTS = "tests/containers"
ATTACKS = "tests/attacks"
GATEWAY_TESTS = ("tests/gateway", "tests/integration/gateway")
GATEWAY_VENV = ROOT / ".venv-gateway-dev"
STOCK_BENCHES = ("cpu", "peers", "ready")
"""Benchmarks that are held against LiteLLM's own server."""
SHIPPED_ENVIRONMENT = [PYTHON, str(ROOT / "tasks.py"), "local.environment"]
"""Makes what a gateway is started from, in tests, benchmarks and the rehearsal alike."""
STOCK_VENV = ROOT / ".venv-stock"
PEERS_VENV = ROOT / ".venv-peers"
PEERS = ROOT / "tests" / "bench" / "peers"
PEERS_BENCHES = ("converge", "peers")
"""Benchmarks that are held against what `PEERS` locks: other engines, other gateways."""
LOAD_BENCHES = ("soak", "overload")
"""Benchmarks that send through whole gateways from the developers' environment."""
REPORTS = ROOT / ".state" / "tests"


def gateway_project() -> Path:
    """The folder of the gateway's own Python project."""
    from ops.description.read import read

    return ROOT / read(ROOT / "ops" / "stack.toml", {}).stack.folder


def check() -> bool:
    """Run every check, all of them even when one fails, showing their output as it comes. Whether all are green."""
    gateway = gateway_project()
    shell = [str(path.relative_to(ROOT)) for path in _shell_files(gateway)]
    mypy = str(TOOLS / "mypy")
    tasks = [PYTHON, str(ROOT / "tasks.py")]
    preparing = [
        Stage("lint", [str(TOOLS / "ruff"), "check", "."]),
        Stage("format", [str(TOOLS / "ruff"), "format", "--check", "--quiet", "."]),
        Stage("shell", [str(TOOLS / "shellcheck"), "-x", *shell]),
        Stage("workflows", [str(TOOLS / "actionlint")]),
        Stage("types of the runbook", [mypy]),
        Stage("environment of the gateway's tests", [*tasks, "dev.gateway"]),
        Stage(
            "types of the gateway",
            [mypy, "--strict", "--python-executable", str(_gateway_python()), str(gateway / "llm_gateway")],
        ),
        Stage("tsx for the progress scripts", [*tasks, "dev.tsx"]),
        Stage("the rehearsal's gateway environment", SHIPPED_ENVIRONMENT),
        Stage("other people's clients", [*tasks, "dev.clients"]),
    ]
    others = (*FLY_TESTS, CLIENT_TESTS, CONTAINER_TESTS, ATTACKS)
    shown = [
        Stage("tests of the runbook", _tests("runbook", PYTHON, *(f"--ignore={folder}" for folder in others))),
        Stage("tests of the gateway", _tests("gateway", str(_gateway_python()), *GATEWAY_TESTS)),
    ]
    # These mostly wait, for a simulated platform and for containers: as long as the others take, on what those leave.
    beside = [
        Stage("secrets in what was ever committed", [PYTHON, "-m", "ops.development.secret_scan"], at_once=True),
        # Without a way to the advisories it says so, and passes.
        Stage("known faults of what is locked", [*tasks, "dev.audit"], at_once=True, passes=(EXIT_OK, EXIT_BLOCKED)),
        Stage("tests of the Fly target", _tests("fly", PYTHON, *FLY_TESTS), at_once=True),
        Stage("tests with containers", _tests("containers", PYTHON, CONTAINER_TESTS)),
        Stage("tests with other people's clients", _tests("clients", PYTHON, CLIENT_TESTS)),
        Stage("attacks", _tests("attacks", PYTHON, ATTACKS)),
    ]
    shutil.rmtree(REPORTS, ignore_errors=True)
    run = Check(ROOT, _environment())
    run.run(preparing, shown, beside)
    reports = sorted(REPORTS.glob("*.xml"))
    print("\n".join([*not_run.lines(not_run.reasons(reports)), *not_run.failures(reports)]))
    print("all green" if not run.failed else f"failed: {', '.join(run.failed)}")
    return not run.failed


def _tests(name: str, python: str, *words: str) -> list[str]:
    """The command that runs these tests and reports each of them to a file."""
    return [python, "-m", "pytest", "-q", "--junitxml", str(REPORTS / f"{name}.xml"), *words]


def make_gateway_environment() -> None:
    """What ships, by the same versions, with what the gateway's tests need beside it."""
    make_environment(GATEWAY_VENV, gateway_project() / "requirements-test.lock")


def make_stock_environment() -> None:
    """LiteLLM's own server, the yardstick of the benchmarks, in an environment that no test of ours uses."""
    make_environment(STOCK_VENV, ROOT / "tests" / "bench" / "stock" / "requirements.lock")


def make_peers_environment() -> None:
    """What ours is measured beside: the engines pyinfra and Ansible, a gateway of npm, and the Node that runs it."""
    make_environment(PEERS_VENV, PEERS / "requirements.lock")
    make_modules(PEERS, PEERS_VENV / "portkey", PEERS_VENV / "bin" / "npm")


def make_environment(folder: Path, lock: Path) -> None:
    """A virtual environment that holds what a lock says and nothing else; made anew when the lock is newer."""
    stamp = folder / ".installed"
    if stamp.is_file() and stamp.stat().st_mtime >= lock.stat().st_mtime:
        return
    environment = _environment()
    if ssl.get_default_verify_paths().cafile:
        environment.setdefault("UV_SYSTEM_CERTS", "true")
    uv, python = TOOLS / "uv", folder / "bin" / "python"
    # Beside a benchmark's figures, which may be read by a program.
    print(f"making {folder.name}", file=sys.stderr, flush=True)
    proc.run([uv, "venv", "--quiet", "--allow-existing", "--python", PYTHON, folder], env=environment)
    print(f"installing {lock.relative_to(ROOT)}", file=sys.stderr, flush=True)
    words: list[str | Path] = [uv, "pip", "sync", "--quiet", "--python", python, "--require-hashes"]
    proc.run([*words, "--compile-bytecode", lock], env=environment, timeout=1200)
    stamp.touch()


def make_tsx() -> None:
    """The pinned TypeScript runner of the progress scripts' test; without npm it says that the test is skipped."""
    npm = shutil.which("npm")
    if npm is None:
        print("no npm on this machine: the progress scripts' test with the real tsx is skipped")
        return
    make_modules(ROOT / "tests" / "fixtures" / "progress", ROOT / ".tools" / "progress", npm)


def make_modules(source: Path, folder: Path, npm: str | Path) -> None:
    """JavaScript packages as the lock in `source` says, and no others; nothing where they are there already."""
    lock_file = "package-lock.json"
    if (folder / "node_modules").is_dir() and filecmp.cmp(source / lock_file, folder / lock_file, shallow=False):
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", lock_file):
        shutil.copyfile(source / name, folder / name)
    path = f"{Path(npm).parent}{os.pathsep}{os.environ['PATH']}"
    command = [npm, "ci", "--no-audit", "--no-fund"]
    proc.run(command, cwd=folder, env={**_environment(), "PATH": path}, timeout=600)


def bench(name: str, words: Sequence[str]) -> int:
    """Run a benchmark of tests/bench in its environment; returns its exit code.

    Args:
        name: of its module.
        words: its own options.

    Raises:
        RunbookError: CLI-007 when there is none of that name.
    """
    folder = ROOT / "tests" / "bench"
    files = [*folder.glob("*.py"), *folder.glob("gateway/*.py")]
    found = {file.stem: file for file in files if "__main__" in file.read_text()}
    if name not in found:
        names = ", ".join(sorted(found))
        raise RunbookError(
            "CLI-007", f"there is no benchmark '{name}'", why=f"there are: {names}", next="inv dev.bench NAME"
        )
    python, beside_gateway = PYTHON, found[name].parent.name == "gateway"
    if beside_gateway or name in (*PEERS_BENCHES, *LOAD_BENCHES):
        made = subprocess.run(SHIPPED_ENVIRONMENT, cwd=ROOT, env=_environment(), stdout=sys.stderr, check=False)
        if made.returncode:
            return made.returncode
    if name in PEERS_BENCHES:
        make_peers_environment()
    if beside_gateway:
        make_gateway_environment()
        if name in STOCK_BENCHES:
            make_stock_environment()
        python = str(_gateway_python())
    module = ".".join(found[name].relative_to(ROOT).with_suffix("").parts)
    command = [python, "-m", module, *words]
    return subprocess.run(command, cwd=ROOT, env=_environment(), check=False).returncode


def load(requests: int, seed: int) -> int:
    """Send a day's traffic through a gateway of its own and compare all that counts; returns the exit code."""
    made = subprocess.run(SHIPPED_ENVIRONMENT, cwd=ROOT, env=_environment(), stdout=sys.stderr, check=False)
    if made.returncode:
        return made.returncode
    command = [PYTHON, "-m", "tests.load.day", "--requests", str(requests), "--seed", str(seed)]
    return subprocess.run(command, cwd=ROOT, env=_environment(), check=False).returncode


def lock() -> None:
    """Write the three locks anew: exact versions and hashes for every platform, and no registry address.

    What one holds the next ones take over, so that a package has the same version wherever it is.
    """
    project, rehearsal, ours = ["pyproject.toml"], ["--group", "rehearsal"], ["--group", "dev"]
    locks = ["requirements.lock", *(str(it.lock.relative_to(ROOT)) for it in (environments.rehearsal(), development()))]
    for number, wanted in enumerate((project, rehearsal, [*project, *ours])):
        before = [word for lock in locks[:number] for word in ("-c", lock)]
        proc.run(
            [
                TOOLS / "uv", "pip", "compile", *wanted, *before, "--universal", "--generate-hashes",
                "--no-emit-index-url", "--no-emit-find-links", "--python-version", "3.11", "--upgrade",
                "--custom-compile-command", "./inv dev.lock", "-o", locks[number],
            ],
            cwd=ROOT,
            timeout=600,
        )  # fmt: skip


def _gateway_python() -> Path:
    return GATEWAY_VENV / "bin" / "python"


def _environment() -> dict[str, str]:
    """Ours, without what would make a child think it runs inside this run."""
    return {name: value for name, value in os.environ.items() if not name.startswith("INVOKE_")}


def _shell_files(gateway: Path) -> list[Path]:
    """Every shell script of the project."""
    scripts = [*(ROOT / "ops").glob("*.sh"), *(gateway / "bin").glob("*.sh"), *(ROOT / "tests").rglob("*.sh")]
    return [ROOT / "inv", ROOT / ".ci" / "run", *sorted(scripts)]
