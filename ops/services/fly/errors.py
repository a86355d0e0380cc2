"""flyctl's failure texts, and what the operator can do about each.

flyctl has no error codes: its texts are matched by substring, since they come wrapped in query texts and
prefixes. Sources: flyctl 0.4.87, and what its conformance tests provoke.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ops.runbook.errors import RunbookError
from ops.runbook.secret import redactor

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_QUERY = re.compile(r"failed to run (?:query|mutation)?\s*\(.*?\}\s*\}?\s*:\s", re.DOTALL)

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


@dataclass(frozen=True)
class Meaning:
    """One row: any of `texts` means this."""

    texts: tuple[str, ...]
    code: str
    what: str
    next: str
    blocked: bool = False
    retry: bool = False


# The first row that matches wins, so the specific stand before the general.
MEANINGS = (
    Meaning(
        ("no access token available",),
        NO_TOKEN,
        "Fly knows no token of ours",
        "put FLY_API_TOKEN into .env: flyctl tokens create org",
        blocked=True,
    ),
    Meaning(
        ("non-200 status code: 403", "403 Forbidden", "(status 403)", "Not authorized"),
        FORBIDDEN,
        "the token may not do this",
        "an org token is needed to create apps and Redis: flyctl tokens create org",
        blocked=True,
    ),
    Meaning(
        (
            "non-200 status code: 401",
            "401 Unauthorized",
            "(status 401)",
            "You must be authenticated",
            "error (401)",
            "unauthorized",
        ),
        BAD_TOKEN,
        "Fly refuses the token: it is wrong, has expired, or may not see this",
        "make a new one (flyctl tokens create org) and put it into .env as FLY_API_TOKEN",
        blocked=True,
    ),
    Meaning(
        ("Name has already been taken",),
        NAME_TAKEN,
        "an app of this name exists in an account we cannot see; names are global on Fly",
        "choose another name in ops/stack.toml",
        blocked=True,
    ),
    Meaning(
        ("We need your payment information", "add a payment method"),
        NO_PAYMENT,
        "the Fly organisation has no payment method",
        "add a card at https://fly.io/dashboard under Billing, then run the same command again",
        blocked=True,
    ),
    Meaning(
        ("could not reserve resource for machine", "insufficient_capacity", "insufficient resources"),
        REGION_FULL,
        "Fly has no room in this region for a machine of this size",
        "wait and run the same command again, or choose another region in ops/stack.toml",
        retry=True,
    ),
    Meaning(
        ("requires manual intervention",),
        DEAD_HOST,
        "a machine's host is unreachable, and its volume is on it",
        "look at https://status.flyio.net; restore the volume from a snapshot if the host stays away",
    ),
    Meaning(
        (
            "did not acquire lease",
            "failed to get lease on VM",
            "failed to obtain lease",
            "failed to acquire lease",
            "lease currently held",
        ),
        LEASED,
        "somebody else's deploy holds these machines, or one that died left its lease",
        "wait and run the same command again: a lease that nobody renews ends by itself, at the time it names",
        retry=True,
    ),
    Meaning(
        ("release command failed", "exited with non-zero status of"),
        RELEASE_COMMAND,
        "the release command failed; no machine of the app was changed",
        "inv deploy.logs",
    ),
    Meaning(
        ("appears to be crashing", "smoke checks for"),
        CRASHING,
        "the app starts and crashes",
        "inv deploy.logs, then inv deploy.rollback if traffic suffers",
    ),
    Meaning(
        ("waiting for health checks to pass",),
        UNHEALTHY,
        "a machine started but its health checks do not pass in time",
        "inv deploy.logs, then inv deploy.rollback if traffic suffers",
    ),
    Meaning(
        (
            "waiting for machine's state to change",
            "failed to reach desired state",
            "timeout reached waiting for machine",
        ),
        NEVER_STARTED,
        "a machine did not start in time (a large image, a full host, or an immediate exit)",
        "inv deploy.logs",
    ),
    Meaning(
        (
            "remote builder app unavailable",
            "docker is unavailable to build",
            "no docker daemon available",
            "failed waiting for docker daemon",
            "failed to connect to buildkit",
            "builder connection failed",
            "error connecting to docker",
        ),
        NO_BUILDER,
        "Fly's builder is not available",
        "wait and run the same command again; look at https://status.flyio.net",
        retry=True,
    ),
    Meaning(
        ("failed to fetch an image or build from source", "could not find image", "Could not resolve image"),
        NO_IMAGE,
        "the image cannot be found or built",
        "check the image in ops/stack.toml, and the build's output",
    ),
    Meaning(
        ("needs volumes with name", "requires an unattached", "needs an unattached volume", "volume not found"),
        NO_VOLUME,
        "a volume the config mounts is not there (or is in use) in this region",
        "inv deploy.all",
    ),
    Meaning(
        ("this app has no complete releases", "No machines configured for this app"),
        NO_RELEASE,
        "the app has never been deployed",
        "inv deploy.all",
    ),
    Meaning(
        (
            "no machines available to deploy",
            "has no started VMs",
            "No active machines in process group",
            "machine not found",
            "was not found in app",
        ),
        NOTHING_RUNNING,
        "the app has no such machine running",
        "inv deploy.all",
    ),
    Meaning(
        ("Could not find App", "app not found"),
        APP_MISSING,
        "the app does not exist, or this token cannot see it",
        "inv deploy.all",
    ),
    Meaning(
        (
            "strict validation failed",
            "App configuration is not valid",
            "config file not found",
            "missing an app name",
            "failed loading app config",
        ),
        BAD_CONFIG,
        "flyctl refuses the app's configuration",
        "inv build.all renders it anew; its source is ops/stack.toml",
    ),
    Meaning(
        ("no longer available for new databases",),
        BAD_PLAN,
        "Fly has no such Redis plan",
        "choose one that `inv plan --cost` lists, in ops/stack.toml",
    ),
    Meaning(
        ("requires an organization with a Launch plan",),
        BAD_REGION,
        "this region needs a paid plan",
        "choose another region in ops/stack.toml",
    ),
    Meaning(
        ("Could not find Organization", "error getting organization", "failed to get organization"),
        BAD_ORG,
        "Fly knows no such organisation, or the token is not for it",
        "check fly.org in ops/stack.toml against: flyctl orgs list",
    ),
    Meaning(
        ("must be specified when not running interactively", "prompt: non interactive", "unknown flag"),
        OUR_FLAGS,
        "flyctl asked a question nobody is there to answer: the runbook lacks a flag",
        "update flyctl to the tested version; if it persists this is a defect of the runbook",
    ),
    Meaning(
        ("found multiple image versions", "due to org limits"),
        STRATEGY,
        "the deploy strategy cannot be used as things are",
        "use the rolling strategy",
    ),
    Meaning(
        ("Hostname already exists", "already been taken by another app", "hostname is already in use"),
        CERTIFICATE,
        "another app has this hostname",
        "free it: flyctl certs remove HOSTNAME -a THE-OTHER-APP (flyctl apps list names yours; if it is a stranger's, "
        "prove the name is yours by its _fly-ownership record), then inv deploy.domains",
        blocked=True,
    ),
    Meaning(
        ("failed to create ACME certificate", "failed to check certificate"),
        CERTIFICATE,
        "Fly did not accept the hostname",
        "inv deploy.domains",
    ),
    Meaning(
        (
            "connection reset by peer",
            ": EOF",
            "connection refused",
            "unexpected EOF",
            "no such host",
            "i/o timeout",
            "deadline exceeded",
            "server closed idle connection",
            "transport connection broken",
        ),
        CUT_OFF,
        "the connection to Fly broke; what was asked may or may not have been done",
        "run the same command again: it looks first",
        retry=True,
    ),
    Meaning(
        (
            "failed to create release (status",
            "failed to set release status",
            "non-200 status code: 5",
            "an internal error",
            "(status 5",
            "non-2xx status: 5",
            "Internal Server Error",
            "502 Bad Gateway",
            "503 Service",
            "non-200 status code: 429",
            "non-200 status code: 408",
            "(status 408",
            "Request Timeout",
            "Too Many Requests",
        ),
        PLATFORM,
        "Fly's API has trouble",
        "look at https://status.flyio.net and run the same command again",
        retry=True,
    ),
)

# "X … not found", where what X is makes the difference.
_NOT_FOUND = re.compile(
    r"\b(organization|region|app name|plan)\b[^\n]{0,80}?\b(?:not found|could not be found)\b", re.IGNORECASE
)
_NOUNS = {
    "organization": next(row for row in MEANINGS if row.code == BAD_ORG),
    "app name": next(row for row in MEANINGS if row.code == APP_MISSING),
    "plan": next(row for row in MEANINGS if row.code == BAD_PLAN),
    "region": Meaning((), BAD_REGION, "Fly knows no such region", "choose another region in ops/stack.toml"),
}


def spoken(stdout: str, stderr: str) -> str:
    """flyctl's error text without colours, progress and query texts, redacted."""
    text = ANSI.sub("", stderr)
    at = text.rfind("Error: ")
    said = text[at + 7 :] if at >= 0 else text
    detail = ANSI.sub("", stdout) if "not valid" in said or "strict validation" in said else ""
    if not said.strip():
        # A crash, and some messages, are on standard output.
        said = _crash(stdout) or "\n".join(ANSI.sub("", stdout).strip().splitlines()[-12:])
    said = _QUERY.sub("", f"{said}\n{detail}")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return redactor("\n".join(lines[:12]))


_PANIC = re.compile(r"\b(panic: .+|fatal error: .+)$", re.MULTILINE)


def _crash(text: str) -> str:
    """What a Go program that crashed says of it, without its stacks."""
    found = _PANIC.search(ANSI.sub("", text))
    return found[1].strip() if found else ""


def explain(doing: str, stdout: str, stderr: str, returncode: int = 1) -> FlyError:
    """The error to raise for a flyctl call that failed.

    Args:
        doing: what was being done, for the sentence: ``creating the app x``.
        stdout, stderr: what flyctl printed.
        returncode: its exit code (126: its own deadline, 127: interrupted, 3: a panic).
    """
    crash = _crash(stderr) or _crash(stdout)
    if returncode == 3 or crash:
        return FlyError(
            PANIC,
            f"{doing} failed: flyctl itself crashed",
            redactor(crash or spoken(stdout, stderr)),
            "inv deploy.status shows what state the machine is in; flyctl version upgrade, then the same command again",
        )
    return of_text(doing, spoken(stdout, stderr), ANSI.sub("", f"{stderr}\n{stdout}"), returncode)


def of_text(doing: str, said: str, everything: str = "", returncode: int = 1) -> FlyError:
    """The error for a failure text: `said` is quoted, `everything` is searched when `said` holds no known text."""
    found = meaning(said) or meaning(everything)
    if found is None:
        why = said or f"flyctl ended with exit code {returncode} and said nothing"
        return FlyError(UNKNOWN, f"{doing} failed", why, "inv status shows what is there; run the same command again")
    return FlyError(
        found.code, f"{doing} failed: {found.what}", said, found.next, blocked=found.blocked, retry=found.retry
    )


def meaning(text: str) -> Meaning | None:
    """The first row whose text occurs in `text`."""
    if not text:
        return None
    for row in MEANINGS:
        if any(known in text for known in row.texts):
            return row
    found = _NOT_FOUND.search(text)
    return _NOUNS[found.group(1).lower()] if found else None
