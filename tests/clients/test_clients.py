"""Clients nobody here wrote do through the gateway what they do without it: G1, G3, G6, G16, G19, G20, G30, G31."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.clients.catalogue import APIS, CLIENTS, Client
from tests.clients.expected import CHECKS
from tests.clients.running import Told

pytestmark = pytest.mark.timeout(1200)
EACH = [pytest.param(client, api, id=f"{client.id}-{api}") for client in CLIENTS for api in APIS]
FEATURES = [
    pytest.param(client, api, feature, id=f"{client.id}-{api}-{feature}")
    for client in CLIENTS
    for api in APIS
    for feature in client.shows(api)
]


@pytest.mark.parametrize(("client", "api", "feature"), FEATURES)
def test_feature(told: Callable[[Client, str], Told], client: Client, api: str, feature: str) -> None:
    found = told(client, api)
    seen = found.features[feature]
    assert "broken" not in seen, seen["broken"]
    asked = [one for one in found.asked if f"[{client.id}/{api}/{feature}" in str(one["body"])]
    exact = [one for one in asked if f"[{client.id}/{api}/{feature}]" in str(one["body"])]
    CHECKS[feature](client, api, seen, exact or asked)


@pytest.mark.parametrize(("client", "api"), EACH)
def test_it_speaks_to_the_gateway_alone(told: Callable[[Client, str], Told], client: Client, api: str) -> None:
    """G32: with the guide's settings nothing is sent to any other host, not even a try."""
    assert told(client, api).attempts == []
