"""Production in the simulation: the real flyctl, a simulated account, real Postgres and MinIO where there is one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.runbook.secret import Secret
from tests.flysim import binaries, said
from tests.services.real_servers import Postgres, minio, postgres
from tests.targets.fly.kept import Kept
from tests.targets.fly.support import Site, site


@pytest.fixture(scope="session")
def flyctl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real flyctl; where it is not installed, the double that the conformance tests hold to it."""
    return binaries.real() or binaries.double(tmp_path_factory.mktemp("bin"))


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A real Postgres that stands for the shared one."""
    folder = tmp_path_factory.mktemp("postgres")
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)
    with postgres(folder) as server:
        yield server


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, str] | None]:
    """A real MinIO: address, administrator, password. None where there is none: its inside is left out then."""
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(minio(tmp_path_factory.mktemp("minio"), ipv6=True))
        except pytest.skip.Exception:
            yield None
            return
        yield server.address, server.user, server.password


def clean(url: Secret) -> None:
    """The database as it was before the runbook: no schema, no role."""
    import psycopg

    with psycopg.connect(url.reveal(), autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS langfuse CASCADE")
        if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'langfuse'").fetchone():
            connection.execute("DROP OWNED BY langfuse")
            connection.execute("DROP ROLE langfuse")


@pytest.fixture
def place(
    tmp_path: Path, flyctl: Path, database: Postgres, object_store: tuple[str, str, str] | None
) -> Iterator[Site]:
    """An empty account and a fresh checkout."""
    clean(database.url())
    with site(tmp_path, flyctl, database.url(), minio=object_store) as made:
        yield made


@pytest.fixture(scope="session")
def kept(
    tmp_path_factory: pytest.TempPathFactory,
    flyctl: Path,
    database: Postgres,
    object_store: tuple[str, str, str] | None,
) -> Kept:
    """What one deploy of an empty account ended with."""
    clean(database.url())
    with site(tmp_path_factory.mktemp("first"), flyctl, database.url(), minio=object_store) as made:
        done = made.deploy()
        assert done.ok, done.troubles()
        return Kept.of(made, tmp_path_factory.mktemp("kept"))


@pytest.fixture(scope="module")
def deployed(
    tmp_path_factory: pytest.TempPathFactory,
    flyctl: Path,
    database: Postgres,
    object_store: tuple[str, str, str] | None,
    kept: Kept,
) -> Iterator[Site]:
    """A deployed stack for all tests of a module; one that changes it must put it right again."""
    clean(database.url())
    with site(tmp_path_factory.mktemp("deployed"), flyctl, database.url(), minio=object_store) as made:
        kept.put_into(made)
        yield made


@pytest.fixture
def copied(place: Site, kept: Kept) -> Site:
    """A deployed stack of the test's own."""
    kept.put_into(place)
    return place


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Real or double."""
    terminalreporter.write_line(f"tests/integration/fly: {said.which()}")
