"""A run with nothing to do is a matter of round trips: none is made twice, and only one waits for another."""

from __future__ import annotations

import threading

import psycopg

from ops.targets.fly import remote_lock
from tests.targets.fly.support import CLICKHOUSE, GATEWAY, Site


def test_a_run_with_nothing_to_do_asks_for_each_thing_once_and_for_no_machine_twice(deployed: Site) -> None:
    deployed.sim.forget_calls()
    done = deployed.deploy()
    assert done.ok, done.troubles()
    asked = [call.operation for call in deployed.sim.calls]
    assert len(asked) == len(set(asked)), sorted(asked)
    # The command in ClickHouse's machine is the one thing that needs an answer first: which machine it is.
    waiting = [operation for operation in asked if "/machines/" in operation]
    assert len(waiting) == 1
    assert waiting[0].startswith(f"POST /v1/apps/{CLICKHOUSE}/machines/")
    assert waiting[0].endswith("/exec")


def test_what_was_seen_while_somebody_else_held_the_lock_is_looked_at_again(deployed: Site) -> None:
    machines = f"GET /v1/apps/{GATEWAY}/machines"
    deployment = deployed.deployment()
    with psycopg.connect(deployed.environ["SUPABASE_DIRECT_URL"], autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [remote_lock.key(GATEWAY)])
        deployed.sim.forget_calls()
        # Another's run ends while ours waits: what it has done since is not in what we have seen.
        release = threading.Timer(0.5, other.execute, ("SELECT pg_advisory_unlock_all()",))
        release.start()
        with deployment.target.exclusive():
            deployment.target.account.machines(GATEWAY)  # type: ignore[attr-defined]
        release.join()
    assert [call.operation for call in deployed.sim.calls].count(machines) == 2


def test_without_a_token_nothing_is_asked_and_the_lock_is_still_taken(deployed: Site) -> None:
    deployment = deployed.deployment(FLY_API_TOKEN="", FLY_ACCESS_TOKEN="")
    deployed.sim.forget_calls()
    with deployment.target.exclusive():
        pass
    assert deployed.sim.calls == []
