"""The soak and the bursts in their short form: counts and states, never how fast a busy machine was."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator

import pytest

from tests.integration.gateway.outcomes import outcomes
from tests.load import soaking
from tests.load.burst import RETRY_AFTER, Got
from tests.load.edged import Edged, config, edged
from tests.load.mix import DAILY_USD
from tests.load.overloading import SLOW, Ended, at_once, ended, reserved
from tests.load.soaking import Heard, Soak

pytestmark = pytest.mark.timeout(240)
TOO_MANY = 5 * 128
"""As many at once as five gateways have places for."""
FEW, SLOW_S = 40, 1.5


@pytest.fixture(scope="module")
def stage() -> Iterator[Edged]:
    """One stage for all: the tests below go on from each other, since a gateway's start costs seconds."""
    with edged(config({"semantic": "off", "daily_usd": DAILY_USD})) as up:
        yield up


def test_a_short_soak_has_no_error_of_ours_and_every_trace_arrives(stage: Edged) -> None:
    seen = asyncio.run(soaking.soak(stage, 0.05, 20, filling=20, every_s=1.0))
    figures = seen.figures()
    assert figures["ours"] == {}
    assert figures["requests"] == 60
    assert (seen.traces["sent"], seen.traces["lost"]) == (80, 0)
    assert all(figures["late"]["rss_mib"])


def test_far_too_many_at_once_are_answered_or_sent_away_with_a_time_to_come_again(stage: Edged) -> None:
    """Then one gateway is killed in the middle, then the other is asked to stop: only the first loses anything."""
    stage.provider.fault(contains=SLOW, delay_s=SLOW_S)
    one, edge = (stage.gateways[0].host, stage.gateways[0].port), (stage.edge.host, stage.edge.port)
    before = outcomes(stage.gateways[0])
    seen = asyncio.run(at_once(stage, one, "burst", TOO_MANY))
    assert seen.wrong == []
    assert seen.answered
    assert {each.status for each in seen.shed} == {503}
    assert len(seen.answered) + len(seen.shed) == TOO_MANY
    assert all(1 <= int(each.headers[RETRY_AFTER]) <= 5 for each in seen.shed)
    assert seen.shed
    assert outcomes(stage.gateways[0]) - before == {"answered": len(seen.answered), "shed": len(seen.shed)}
    assert seen.health
    killed = asyncio.run(ended(stage, stage.gateways[1], edge, "kill", FEW, signal.SIGKILL))
    assert len(killed.lost) <= killed.under_way
    assert len([each for each in killed.got if each.status == 200]) >= FEW - killed.under_way
    left = reserved(stage)
    assert left <= killed.under_way
    stopped = asyncio.run(ended(stage, stage.gateways[0], one, "stop", FEW, signal.SIGTERM))
    assert stopped.under_way == FEW
    assert stopped.lost == []
    assert stopped.exit_code == 0
    assert reserved(stage) == left


def test_what_grows_fails_or_is_lost_is_said() -> None:
    """The goals can be missed."""
    at = [soaking.Sample(second, (100 << 20,), (40,), 4 << 20, 900) for second in range(0, 600, 10)]
    late = [soaking.Sample(second, (120 << 20,), (90,), 5 << 20, 900) for second in range(600, 1801, 10)]
    good = Soak(30.0, samples=at + [soaking.Sample(1800, (109 << 20,), (44,), 4 << 20, 900)] * 20)
    assert good.missed() == []
    bad = Soak(30.0, heard=[Heard(0, 1, "failed", "", "502")], samples=at + late, asked=1)
    assert [line.split()[0] for line in bad.missed()] == ["1", "rss_mib", "redis_mib", "file", "traces:"]


def test_a_lost_request_and_a_refusal_without_a_time_are_said() -> None:
    got = [Got(200), Got(503, {"retry-after": "2"}), Got(503), Got(0, lost="ConnectionResetError")]
    assert Ended(1, got, 0, 0.1).lost == ["503", "0 ConnectionResetError"]
