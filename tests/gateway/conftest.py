"""Fixtures of the gateway's tests: a real Redis-compatible server, shared or of one's own.

With `TEST_REDIS=cluster` in the environment the shared one is a cluster of three.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from tests.gateway.valkey_cluster import ValkeyCluster
from tests.gateway.valkey_server import ValkeyServer

GATEWAY = Path(__file__).resolve().parents[2] / "fly" / "hotdash-llm-gateway"
if str(GATEWAY) not in sys.path:
    sys.path.insert(0, str(GATEWAY))

_numbers = count(1)


@dataclass(frozen=True)
class Valkey:
    """The shared server as one test sees it: use `prefix` for every key, never stop or freeze it."""

    server: ValkeyServer | ValkeyCluster
    url: str
    prefix: str


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[ValkeyServer | ValkeyCluster]:
    """The server all tests share: password, `noeviction`, 256 MB."""
    with ValkeyCluster() if os.environ.get("TEST_REDIS") == "cluster" else ValkeyServer() as server:
        yield server


@pytest.fixture
def valkey(valkey_server: ValkeyServer | ValkeyCluster) -> Valkey:
    """The shared server with a key prefix that no other test has."""
    return Valkey(valkey_server, valkey_server.url, f"t{next(_numbers)}:")


@pytest.fixture
def own_valkey() -> Iterator[ValkeyServer]:
    """A server of the test's own, to stop, freeze or fill."""
    with ValkeyServer() as server:
        yield server
