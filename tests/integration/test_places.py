"""A rehearsal in odd places: a folder whose name has what other programs take for a comment, and one that is moved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.checkout import Checkout


@pytest.fixture
def odd(tmp_path: Path, gateway_environment: None) -> Iterator[Checkout]:
    checkout = Checkout(tmp_path / "parent" / "a #1; 100%")
    yield checkout
    checkout.down()


def test_a_folder_with_an_odd_name_is_rehearsed_and_may_be_moved(odd: Checkout) -> None:
    """R16, R17."""
    done = odd.inv("deploy.all", "test.smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [path.name for path in odd.root.parent.iterdir()] == [odd.root.name], "a stray file"
    assert odd.inv("local.down").returncode == 0
    before = odd.vault
    odd.root = odd.root.rename(odd.root.with_name("moved"))
    done = odd.inv("deploy.all", "test.smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    assert odd.vault == before
