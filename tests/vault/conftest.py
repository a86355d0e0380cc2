"""A vault as production has it once everything is set up."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.vault import setup
from ops.vault.inventory import Inventory
from tests.vault.support import given, inventory, provisioned


@pytest.fixture
def full(tmp_path: Path) -> Inventory:
    """Production with every secret in place."""
    here = inventory(tmp_path, "fly", given())
    setup.act(here, lambda text: None)
    here.vault.put(provisioned(), origin="provisioned")
    return here
