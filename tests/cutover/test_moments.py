"""Times and spans as an operator writes them, and what is said of those that make no sense."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ops.cutover import moments
from ops.runbook.errors import RunbookError

NOW = datetime(2026, 11, 28, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        (" 1h ", timedelta(hours=1)),
        ("90d", timedelta(days=90)),
    ],
)
def test_spans(text: str, made: timedelta) -> None:
    assert moments.span(text) == made


@pytest.mark.parametrize("text", ["", "1", "h", "1w", "-1h", "1.5h", "0s", "91d", "1h30m", "١h", "9999999d", "1h\n2"])
def test_what_is_no_span(text: str) -> None:
    with pytest.raises(RunbookError) as caught:
        moments.span(text)
    assert caught.value.code == "CUT-002"


@pytest.mark.parametrize("text", ["2026-11-28T12:00Z", "2026-11-28T12:00:00+00:00", "2026-11-28T13:00+01:00"])
def test_times(text: str) -> None:
    assert moments.moment(text, NOW) == datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("noon", "is no time"),
        ("", "is no time"),
        ("2026-11-28T12:00", "has no time zone"),
        ("2026-11-28", "has no time zone"),
        ("2026-11-28T13:00Z", "is not in the past"),
        ("2027-01-01T00:00Z", "is not in the past"),
    ],
)
def test_what_is_no_time(text: str, says: str) -> None:
    with pytest.raises(RunbookError) as caught:
        moments.moment(text, NOW)
    assert caught.value.code == "CUT-002"
    assert says in caught.value.what
