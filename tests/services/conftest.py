"""What the tests of the database share."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
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


@pytest.fixture
def place(shops: Postgres, tmp_path: Path) -> Iterator[Place]:
    """A database of its own, with a shop in it."""
    database = f"t{secrets.token_hex(4)}"
    with psycopg.connect(shops.url().reveal(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {database}")
    here = Place(shops, database, tmp_path)
    here.execute(SHOP)
    yield here
    with psycopg.connect(shops.url().reveal(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {database} WITH (FORCE)")
