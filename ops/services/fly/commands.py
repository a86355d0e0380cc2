"""Every flyctl command that the runbook runs. The conformance suite says which it did not run with the real binary."""

from __future__ import annotations

from collections.abc import Sequence

USED = frozenset(
    tuple(line.split())
    for line in (
        "version",
        "auth whoami",
        "orgs list",
        "apps list",
        "apps create",
        "apps destroy",
        "secrets list",
        "secrets import",
        "secrets unset",
        "secrets deploy",
        "volumes list",
        "volumes create",
        "volumes extend",
        "ips list",
        "ips allocate-v4",
        "ips allocate-v6",
        "ips release",
        "certs add",
        "certs check",
        "status",
        "releases",
        "machines list",
        "machines start",
        "machines restart",
        "machines uncordon",
        "scale show",
        "scale count",
        "deploy",
        "ssh issue",
        "proxy",
        "agent stop",
    )
)


def named(arguments: Sequence[str]) -> tuple[str, ...]:
    """The command that these arguments run.

    Raises:
        ValueError: it is not among those that are used, and tried: a defect of the runbook.
    """
    for length in (1, 2):
        if tuple(arguments[:length]) in USED:
            return tuple(arguments[:length])
    raise ValueError(f"flyctl {' '.join(arguments[:2])} is not among ops.services.fly.commands")
