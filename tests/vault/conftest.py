"""A vault as production has it once everything is set up."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.vault import setup
from ops.world import World
from tests.vault.support import given, provisioned, world


@pytest.fixture
def full(tmp_path: Path) -> World:
    """Production with every secret in place."""
    here = world(tmp_path, "fly", given())
    setup.act(here, lambda text: None)
    here.vault.put(provisioned(), origin="provisioned")
    return here
