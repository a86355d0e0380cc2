"""Failures on Fly's side: their codes, and the exception that carries them."""

from __future__ import annotations

import re

from ops.runbook.errors import RunbookError

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

MISSING_BINARY = "FLY-001"
OLD_BINARY = "FLY-002"
NO_TOKEN = "FLY-003"  # noqa: S105 - a code
BAD_TOKEN = "FLY-004"  # noqa: S105 - a code
APP_MISSING = "FLY-005"
BAD_ORG = "FLY-006"
NAME_TAKEN = "FLY-007"
NO_PAYMENT = "FLY-008"
BAD_REGION = "FLY-009"
BAD_PLAN = "FLY-010"
OUR_FLAGS = "FLY-011"
NOTHING_RUNNING = "FLY-012"
NO_RELEASE = "FLY-013"
BAD_CONFIG = "FLY-014"
NO_VOLUME = "FLY-015"
DEAD_HOST = "FLY-016"
NO_IMAGE = "FLY-017"
RELEASE_COMMAND = "FLY-018"
CRASHING = "FLY-019"
UNHEALTHY = "FLY-020"
NEVER_STARTED = "FLY-021"
LEASED = "FLY-022"
REGION_FULL = "FLY-023"
STRATEGY = "FLY-024"
CERTIFICATE = "FLY-025"
PLATFORM = "FLY-026"
UNKNOWN = "FLY-027"
BAD_ANSWER = "FLY-028"
BAD_SECRET = "FLY-029"  # noqa: S105 - a code
CUT_OFF = "FLY-030"
NOT_FOUND = "FLY-031"
FORBIDDEN = "FLY-032"
PANIC = "FLY-033"
NO_BUILDER = "FLY-034"


class FlyError(RunbookError):
    """A failure on Fly's side of the line.

    Attributes:
        retry: worth another try as it is: a lease somebody holds, trouble at the platform, a cut connection.
        output: all that flyctl printed; not redacted.
    """

    def __init__(
        self, code: str, what: str, why: str = "", next: str = "", *, blocked: bool = False, retry: bool = False
    ) -> None:
        super().__init__(code, what, why, next, blocked=blocked)
        self.retry = retry
        self.output = ""
