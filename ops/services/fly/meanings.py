"""Known failure texts of flyctl: what each means, and what the operator can do about it.

flyctl has no error codes: its texts are matched by substring, since they come wrapped in query texts and
prefixes. Sources: flyctl 0.4.87, and what its conformance tests provoke.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ops.services.fly.errors import (
    APP_MISSING,
    BAD_CONFIG,
    BAD_ORG,
    BAD_PLAN,
    BAD_REGION,
    BAD_TOKEN,
    CERTIFICATE,
    CRASHING,
    CUT_OFF,
    DEAD_HOST,
    FORBIDDEN,
    LEASED,
    NAME_TAKEN,
    NEVER_STARTED,
    NO_BUILDER,
    NO_IMAGE,
    NO_PAYMENT,
    NO_RELEASE,
    NO_TOKEN,
    NO_VOLUME,
    NOTHING_RUNNING,
    OUR_FLAGS,
    PLATFORM,
    REGION_FULL,
    RELEASE_COMMAND,
    STRATEGY,
    UNHEALTHY,
)


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


def meaning(text: str) -> Meaning | None:
    """The first row whose text occurs in `text`."""
    if not text:
        return None
    for row in MEANINGS:
        if any(known in text for known in row.texts):
            return row
    found = _NOT_FOUND.search(text)
    return _NOUNS[found.group(1).lower()] if found else None
