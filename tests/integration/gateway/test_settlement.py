"""After a mix of everything that can happen, the counter says what the provider charged, and what it still may."""

from __future__ import annotations

import pytest

from tests.gateway.valkey_server import ValkeyServer
from tests.integration.gateway import mixed_traffic
from tests.integration.gateway.harness import Provider


@pytest.mark.timeout(300)
def test_the_counter_is_within_a_thousandth_of_the_true_spend(shared_valkey: ValkeyServer, provider: Provider) -> None:
    """G11's kind: an attempt that reached the provider and got no answer stays booked at the most it may be billed."""
    books = mixed_traffic.run(shared_valkey, provider, requests=330)
    assert books.charged > 0
    assert books.unsettled > 0
    assert books.error <= 0.001
