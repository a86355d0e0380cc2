"""Tests that take more than a target."""

from __future__ import annotations

from invoke import Context, Exit


def quota(c: Context, target: str = "", key: str = "", json: bool = False) -> None:
    """4.4   Quota test: one request more than the limit within a minute is refused with 429.

    With the probe key, which mirrors a production team's limits. --key TEAM tests that team's own key,
    and spends its quota.
    """
    from ops.session.opening import open_deployment
    from ops.session.running import execute

    if not key:
        execute(c, ["test.quota"], target, json)
        return
    from ops.checks.gateway import quota as check

    look = check(open_deployment(target), key)
    print(look.evidence)
    if not look.satisfied:
        raise Exit(code=1)
