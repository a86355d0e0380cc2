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
from urllib.parse import quote

import pytest

from ops.runbook.secret import Secret
from ops.targets.local.ports import has_ipv6
from ops.targets.local.postgres import binaries
from tests.lacking import lacking

ROOT = Path(__file__).resolve().parents[2]
NO_MINIO = lacking("no MinIO on PATH, in .tools/bin or named in MINIO")


# Postgres and pgbouncer refuse root; a user namespace makes root somebody else.
NOT_ROOT = ("unshare", "--user", "--map-user=65534", "--map-group=65534") if os.geteuid() == 0 else ()


def free_port(host: str = "127.0.0.1") -> int:
    """A port of a loopback address that nobody uses at this moment."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host.strip("[]"), 0))
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
        """A libpq URL, its password encoded; the superuser's by default."""
        word = quote(password or self.password, safe="")
        return Secret(f"postgresql://{user}:{word}@127.0.0.1:{self.port}/{database}")


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    """A real Postgres of its own, which logs every statement."""
    import psycopg

    folder.chmod(0o755)  # the server's user must get through
    password = secrets.token_hex(12)
    (folder / "password").write_text(password)
    data = folder / "data"
    made = subprocess.run(
        [*NOT_ROOT, str(binaries() / "initdb"), "-D", str(data), "-U", "postgres", "--pwfile", str(folder / "password"),
         "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if made.returncode != 0 and NOT_ROOT and "unshare" in made.stderr:
        pytest.skip(f"no user namespaces here, and Postgres refuses root: {made.stderr.strip()}")
    assert made.returncode == 0, made.stderr
    port = free_port()
    argv = [*NOT_ROOT, str(binaries() / "postgres"), "-D", str(data), "-p", str(port), "-c", "log_statement=all"]
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
class Pooler:
    """A running pgbouncer before a Postgres, its process and its log."""

    port: int
    server: Postgres
    pid: int
    log: Path

    def url(self, *, user: str = "postgres", password: str | None = None) -> Secret:
        """A libpq URL that leads through it; the superuser's by default."""
        word = quote(password or self.server.password, safe="")
        return Secret(f"postgresql://{user}:{word}@127.0.0.1:{self.port}/postgres")


@contextlib.contextmanager
def pgbouncer(folder: Path, server: Postgres, *, port: int = 0, **settings: object) -> Iterator[Pooler]:
    """A real pgbouncer of its own, where one is installed: in no package registry the project uses.

    It pools transactions and checks passwords against Postgres' own, as Supabase's pooler does on 6543.

    Args:
        port: where it listens; a free one when not given.
        settings: lines of its configuration, added or in the place of ours.
    """
    program = shutil.which("pgbouncer", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
    if program is None:
        pytest.skip(lacking("no pgbouncer on PATH"))
    port = port or free_port()
    (folder / "userlist.txt").write_text(f'"postgres" "{server.password}"\n')
    lines = {
        "listen_addr": "127.0.0.1",
        "listen_port": port,
        "unix_socket_dir": "",
        "pidfile": folder / "pgbouncer.pid",
        "auth_type": "scram-sha-256",
        "auth_file": folder / "userlist.txt",
        "auth_user": "postgres",
        "auth_query": "SELECT usename, passwd FROM pg_shadow WHERE usename = $1",
        "pool_mode": "transaction",
        **settings,
    }
    ini = folder / "pgbouncer.ini"
    pgbouncer = "\n".join(f"{name} = {value}" for name, value in lines.items())
    ini.write_text(f"[databases]\n* = host=127.0.0.1 port={server.port}\n\n[pgbouncer]\n{pgbouncer}\n")
    with running([*NOT_ROOT, program, str(ini)], folder) as log:
        wait_for(lambda: _accepts(port), "pgbouncer")
        yield Pooler(port, server, int((folder / "pgbouncer.pid").read_text()), log)


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

    host: str
    port: int
    user: str
    password: str

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def endpoint(self) -> str:
        return f"http://{self.address}"


@contextlib.contextmanager
def minio(folder: Path, *, ipv6: bool = False) -> Iterator[Minio]:
    """A real MinIO of its own, where there is one: in no package registry the project uses.

    Args:
        ipv6: listen there only, as whoever reaches it in Fly's private network does; if this machine has it.
    """
    places = os.pathsep.join([os.environ.get("PATH", ""), str(ROOT / ".tools" / "bin")])
    program = os.environ.get("MINIO") or shutil.which("minio", path=places)
    if program is None:
        pytest.skip(NO_MINIO)
    host = "[::1]" if ipv6 and has_ipv6() else "127.0.0.1"
    server = Minio(host, free_port(host), secrets.token_hex(10), secrets.token_hex(16))
    env = {"MINIO_ROOT_USER": server.user, "MINIO_ROOT_PASSWORD": server.password, "HOME": str(folder)}
    env["MINIO_UPDATE"] = "off"
    argv = [program, "server", "--address", server.address, "--console-address", f"127.0.0.1:{free_port()}"]
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
