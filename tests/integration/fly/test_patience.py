"""What the account may, owes and reads: a read-only token, a missing card, and who is restarted for which secret."""

from __future__ import annotations

from ops.runbook.step import Status
from tests.flysim.faults import Call, Fault
from tests.targets.fly.support import GATEWAY, Site

READERS = {
    "ADMIN_KEY": {"gateway"},
    "LANGFUSE_SALT": {"ui", "worker"},
    "LANGFUSE_NEXTAUTH_SECRET": {"ui"},
}


def launched(place: Site) -> dict[str, float]:
    machines = place.sim.state.apps[GATEWAY]["machines"].values()
    return {f"{m['config']['metadata']['fly_process_group']} {m['id']}": m["launched"] for m in machines}


def test_f9_a_rotation_restarts_only_who_reads_the_secret(deployed: Site) -> None:
    """F9: rotating one team's key restarted all four groups."""
    for name, readers in READERS.items():
        before = launched(deployed)
        deployed.sim.drift.change_secret(GATEWAY, name, "by-hand-" * 4)
        done = deployed.deploy()
        assert done.ok, done.troubles()
        after = launched(deployed)
        assert {key.split()[0] for key in after if after[key] != before.get(key)} == readers, name
        deployed.sim.forget_calls()
        assert deployed.deploy().ok
        assert deployed.sim.mutations == 0


def test_f18_a_secrets_time_ahead_of_the_releases_costs_one_restart(deployed: Site) -> None:
    """F18: Fly's two clocks differ by a minute; every run restarted and ended with RUN-002."""
    app = deployed.sim.state.apps[GATEWAY]
    deployed.sim.drift.change_secret(GATEWAY, "ADMIN_KEY", "ahead-of-time-" * 2)
    set_secrets = deployed.sim.state.set_secrets

    def ahead(app: dict[str, object], values: dict[str, str | None]) -> None:
        set_secrets(app, values)
        for name, value in values.items():
            if value is not None:
                app["secrets"][name]["updated_at"] = "2999-01-01T00:00:00.000Z"  # type: ignore[index]

    deployed.sim.state.set_secrets = ahead  # type: ignore[method-assign]
    try:
        done = deployed.deploy()
        assert done.ok, done.troubles()
        assert app["secrets"]["ADMIN_KEY"]["updated_at"].startswith("2999")
        deployed.sim.forget_calls()
        again = deployed.deploy()
        assert again.ok, again.troubles()
        assert deployed.sim.mutations == 0
    finally:
        deployed.sim.state.set_secrets = set_secrets  # type: ignore[method-assign]


def test_f19_a_read_only_token_is_said_to_be_one(place: Site) -> None:
    """F19: it was called wrong or expired."""

    def changes(call: Call) -> bool:
        return bool(call.mutating)

    place.sim.fail(Fault("status", match=changes, status=401, body={"error": "unauthorized"}, times=1000))
    outcome = place.deploy().result.outcomes["deploy.app"]
    assert (outcome.status, outcome.code) == (Status.BLOCKED, "FLY-032")
    assert "may read this organisation, but not change it" in outcome.evidence
    place.sim.heal()
    done = place.deploy(keys=("deploy.app",))
    assert done.ok, done.troubles()


def test_f20_the_doctor_looks_at_the_billing_state(place: Site) -> None:
    """F20: an organisation without a card; `doctor` said ok."""

    def card() -> tuple[bool, str]:
        (found,) = [line for line in place.deployment().target.requirements() if line.name == "payment method"]
        return found.ok, found.found

    assert card() == (True, "current")
    place.sim.drift.no_payment_method()
    assert card() == (False, "billing status SOURCE_REQUIRED")
