"""What the tests of the database share."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.services.real_servers import Postgres, postgres
from tests.services.shop import SHOP, Place


@pytest.fixture(scope="session")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """One server for every shop."""
    with postgres(tmp_path_factory.mktemp("pg")) as running:
        yield running


@contextmanager
def shop(server: Postgres, folder: Path) -> Iterator[Place]:
    """A database of its own, with a shop in it."""
    database = f"t{secrets.token_hex(4)}"
    with psycopg.connect(server.url().reveal(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {database}")
    here = Place(server, database, folder)
    here.execute(SHOP)
    yield here
    with psycopg.connect(server.url().reveal(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {database} WITH (FORCE)")


@pytest.fixture
def place(shops: Postgres, tmp_path: Path) -> Iterator[Place]:
    """A shop to change."""
    with shop(shops, tmp_path) as here:
        yield here


@pytest.fixture(scope="module")
def untouched(shops: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A shop for tests that commit nothing."""
    with shop(shops, tmp_path_factory.mktemp("untouched")) as here:
        yield here
