"""Real servers for tests: started on a free loopback port, stopped at the end of the `with`."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from ops.runbook.secret import Secret
from ops.targets.local.postgres import binaries

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """A loopback port nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(condition: Callable[[], bool], what: str, timeout: float = 30.0) -> None:
    """Wait until the condition holds, or fail the test."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"waited {timeout:.0f} s for {what}")
        time.sleep(0.05)


@contextlib.contextmanager
def running(
    argv: Sequence[str], folder: Path, *, stop: int = signal.SIGTERM, env: Mapping[str, str] | None = None
) -> Iterator[Path]:
    """A program in the background, its output in a log file, which is what this gives."""
    log = folder / "server.log"
    with log.open("wb") as out:
        child = subprocess.Popen(argv, stdout=out, stderr=out, env=env, cwd=folder, start_new_session=True)
    try:
        yield log
    finally:
        for number in (stop, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(10)
                break


@dataclass(frozen=True)
class Postgres:
    """A running Postgres, its superuser's password and its log (every statement)."""

    port: int
    password: str
    log: Path

    def url(self, *, user: str = "postgres", password: str | None = None, database: str = "postgres") -> Secret:
        """A libpq URL; the superuser's by default."""
        return Secret(f"postgresql://{user}:{password or self.password}@127.0.0.1:{self.port}/{database}")


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    """A real Postgres of its own, which logs every statement."""
    import psycopg

    folder.chmod(0o755)  # the server's user must get through
    password = secrets.token_hex(12)
    (folder / "password").write_text(password)
    # Postgres refuses root; a user namespace makes root somebody else.
    prefix = ["unshare", "--user", "--map-user=65534", "--map-group=65534"] if os.geteuid() == 0 else []
    data = folder / "data"
    made = subprocess.run(
        [*prefix, str(binaries() / "initdb"), "-D", str(data), "-U", "postgres", "--pwfile", str(folder / "password"),
         "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if made.returncode != 0 and prefix and "unshare" in made.stderr:
        pytest.skip(f"no user namespaces here, and Postgres refuses root: {made.stderr.strip()}")
    assert made.returncode == 0, made.stderr
    port = free_port()
    argv = [*prefix, str(binaries() / "postgres"), "-D", str(data), "-p", str(port), "-c", "log_statement=all"]
    argv += ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"]
    with running(argv, folder, stop=signal.SIGINT) as log:
        server = Postgres(port, password, log)

        def answers() -> bool:
            try:
                psycopg.connect(server.url().reveal(), connect_timeout=2).close()
            except psycopg.OperationalError:
                return False
            return True

        wait_for(answers, "Postgres")
        yield server


@dataclass(frozen=True)
class Valkey:
    """A running Valkey and its password."""

    port: int
    password: str

    @property
    def url(self) -> Secret:
        return Secret(f"redis://default:{self.password}@127.0.0.1:{self.port}/0")


@contextlib.contextmanager
def valkey(folder: Path, *options: str) -> Iterator[Valkey]:
    """A real Valkey of its own; `options` are lines of its configuration."""
    from ops.targets.local.tools import find

    program = find("valkey-server")
    if program is None:
        pytest.skip("no valkey-server for this system")
    server = Valkey(free_port(), secrets.token_hex(12))
    lines = ["bind 127.0.0.1", f"port {server.port}", f"requirepass {server.password}", "save ''", *options]
    (folder / "valkey.conf").write_text("\n".join(lines) + "\n")
    with running([program, str(folder / "valkey.conf")], folder):
        wait_for(lambda: _accepts(server.port), "Valkey")
        yield server


@dataclass(frozen=True)
class Minio:
    """A running MinIO and its administrator."""

    port: int
    user: str
    password: str

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def minio(folder: Path) -> Iterator[Minio]:
    """A real MinIO of its own, where there is one: in no package registry the project uses."""
    program = shutil.which("minio", path=os.pathsep.join([os.environ.get("PATH", ""), str(ROOT / ".tools" / "bin")]))
    if program is None:
        pytest.skip("no minio on PATH or in .tools/bin (go install github.com/minio/minio@latest)")
    server = Minio(free_port(), secrets.token_hex(10), secrets.token_hex(16))
    env = {"MINIO_ROOT_USER": server.user, "MINIO_ROOT_PASSWORD": server.password, "HOME": str(folder)}
    env["MINIO_UPDATE"] = "off"
    address = f"127.0.0.1:{server.port}"
    argv = [program, "server", "--address", address, "--console-address", f"127.0.0.1:{free_port()}"]
    with running([*argv, str(folder / "data")], folder, env=env):
        import httpx

        def ready() -> bool:
            try:
                return httpx.get(f"{server.endpoint}/minio/health/ready", timeout=2).status_code == 200
            except httpx.TransportError:
                return False

        wait_for(ready, "MinIO")
        yield server


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
