"""Times and spans as an operator writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from ops.runbook.errors import RunbookError

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
LONGEST = timedelta(days=90)


def span(text: str) -> timedelta:
    """`90s`, `30m`, `1h` or `2d`.

    Raises:
        RunbookError: CUT-002 it is none of these, nothing, or longer than 90 days.
    """
    found = re.fullmatch(r"([0-9]{1,7})([smhd])", text.strip())
    made = timedelta(seconds=int(found[1]) * UNITS[found[2]]) if found else timedelta()
    if not timedelta() < made <= LONGEST:
        raise RunbookError(
            "CUT-002",
            f"'{text}' is no span of time",
            why="spans look like 90s, 30m, 1h or 2d, up to 90d",
            next="--since 1h",
        )
    return made


def moment(text: str, now: datetime) -> datetime:
    """A time in the past with its zone: `2026-11-28T12:00Z`.

    Raises:
        RunbookError: CUT-002 it cannot be read, has no zone, or is not in the past.
    """
    example = f"--cut {now.astimezone(UTC):%Y-%m-%dT%H:%MZ}"
    try:
        made = datetime.fromisoformat(text.strip())
    except ValueError:
        raise RunbookError("CUT-002", f"'{text}' is no time", why="times are ISO 8601", next=example) from None
    if made.tzinfo is None:
        raise RunbookError("CUT-002", f"'{text}' has no time zone", why="end it with Z for UTC", next=example)
    if made >= now:
        raise RunbookError("CUT-002", f"'{text}' is not in the past", why="nothing can be seen yet", next=example)
    return made
