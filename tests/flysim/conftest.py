"""A running simulator and a plain HTTP client for its own tests."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.flysim.server import FlySim


@pytest.fixture
def sim() -> Iterator[FlySim]:
    """An empty account."""
    with FlySim() as running:
        yield running


@pytest.fixture
def http(sim: FlySim) -> Iterator[httpx.Client]:
    """A client with the account's token."""
    headers = {"Authorization": f"Bearer {sim.token}"}
    with httpx.Client(base_url=sim.url, headers=headers, trust_env=False, timeout=5) as client:
        yield client
