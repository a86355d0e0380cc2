"""A team's own limit is waited out by the SDKs, by themselves, for as long as the gateway says."""

from __future__ import annotations

import pytest

from tests.clients.catalogue import BY_ID, LIMITED, Client
from tests.clients.running import Programs

pytestmark = pytest.mark.timeout(1200)
TEAMS = [pytest.param(BY_ID[client], team, id=f"{client}-{team}") for client, team in LIMITED]


@pytest.mark.parametrize(("client", "team"), TEAMS)
def test_the_third_of_two_requests_a_minute_is_answered_when_it_may_be(
    programs: Programs, client: Client, team: str
) -> None:
    told = programs.begin_limited(client, team).result()
    seconds = told.features["limited"]["seconds"]
    assert len(told.asked) == 3
    assert seconds[2] > 20
    assert sum(seconds) > 55
