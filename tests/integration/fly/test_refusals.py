"""Bad input: a clear message and exit code for each, and nothing half-done that a re-run does not finish."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

from ops.runbook.step import Outcome, Status
from tests.flysim import binaries
from tests.targets.fly.support import GATEWAY, HOSTS, Deployed, Site


def failed(done: Deployed, key: str, code: str, exit_code: int) -> Outcome:
    """The outcome of the step that stopped the run."""
    outcome = done.result.outcomes[key]
    assert not outcome.good, done.troubles()
    assert outcome.code == code, outcome
    assert outcome.next
    assert done.result.exit_code == exit_code, done.troubles()
    return outcome


def finishes(place: Site, key: str) -> None:
    """The step that failed, and what it needs, once the cause is gone; with all others in test_deploy.py."""
    done = place.deploy(keys=(key,))
    assert done.ok, done.troubles()
    assert key in done.changed()


def test_a_wrong_token_is_said_to_be_wrong(place: Site) -> None:
    done = place.deploy(FLY_API_TOKEN="fo1_wrong-token-of-somebody-else")
    outcome = failed(done, "deploy.app", "FLY-004", 3)
    assert "token" in outcome.evidence
    assert place.sim.mutations == 0
    finishes(place, "deploy.app")


def test_no_token_is_asked_for(place: Site) -> None:
    done = place.deploy(FLY_API_TOKEN="")
    outcome = done.result.outcomes["deploy.app"]
    assert outcome.status is Status.BLOCKED
    assert done.result.exit_code == 3
    assert place.sim.calls == []


def test_no_flyctl_says_how_to_get_it(place: Site) -> None:
    done = place.deploy(FLYCTL="/nowhere/flyctl")
    outcome = failed(done, "deploy.app", "FLY-001", 3)
    assert "install" in outcome.next


def test_an_account_without_a_card_is_told_where_to_add_one(place: Site) -> None:
    place.sim.drift.no_payment_method()
    done = place.deploy()
    outcome = failed(done, "deploy.app", "FLY-008", 3)
    assert "card" in outcome.next
    place.sim.state.orgs["personal"]["paid"] = True
    finishes(place, "deploy.app")


def test_a_name_taken_by_a_stranger_is_said_to_be(place: Site) -> None:
    place.sim.drift.take_name(GATEWAY)
    done = place.deploy()
    outcome = failed(done, "deploy.app", "FLY-007", 3)
    assert GATEWAY in outcome.evidence
    assert "stack.toml" in outcome.next
    del place.sim.state.apps[GATEWAY]
    finishes(place, "deploy.app")


def test_a_full_region_can_be_tried_again(place: Site) -> None:
    place.sim.behaviour.full_regions.add("ord")
    done = place.deploy()
    outcome = failed(done, "deploy.clickhouse", "FLY-023", 1)
    assert "region" in outcome.evidence
    place.sim.behaviour.full_regions.clear()
    finishes(place, "deploy.clickhouse")


def test_wrong_dns_is_answered_with_the_records_to_add(place: Site) -> None:
    place.dns.records.update({HOSTS[0]: ["192.0.2.1"]})
    del place.dns.records[HOSTS[1]]
    done = place.deploy()
    outcome = failed(done, "deploy.domains", "DNS-002", 3)
    addresses = [ip["address"] for ip in place.sim.state.apps[GATEWAY]["ips"]]
    for host in HOSTS:
        for address in addresses:
            assert any(host in line and address in line for line in outcome.next.splitlines()), outcome.next
    assert "192.0.2.1" in outcome.evidence
    assert any("add at your DNS provider" in line for line in done.lines)
    assert not [call for call in place.sim.calls if call.operation.endswith("/check")], "validated before DNS was right"
    # Everything else is in place, also the switch that does not need the names.
    assert done.result.outcomes["deploy.pooled"].good
    place.dns.records.update(dict.fromkeys(HOSTS, addresses))
    finishes(place, "deploy.domains")


def test_a_certificate_that_does_not_come_is_waited_for_and_then_said(copied: Site) -> None:
    for host in HOSTS:
        copied.sim.drift.remove_cert(GATEWAY, host)
    copied.sim.dns.everything = False
    done = copied.deploy()
    outcome = failed(done, "deploy.domains", "DNS-003", 3)
    assert "A record" in outcome.why
    copied.sim.dns.everything = True
    finishes(copied, "deploy.domains")


def test_a_machine_that_never_gets_healthy_is_named_with_its_check(place: Site) -> None:
    place.sim.behaviour.unhealthy.add(f"{GATEWAY}/ui")
    done = place.deploy()
    outcome = done.result.outcomes["deploy.release"]
    assert outcome.status is Status.FAILED
    assert outcome.code in ("FLY-020", "FLY-043")
    assert "deploy.logs" in outcome.next
    groups = {m["config"]["metadata"]["fly_process_group"] for m in place.sim.state.apps[GATEWAY]["machines"].values()}
    assert "worker" not in groups, "the worker started before the ui was healthy"
    place.sim.behaviour.unhealthy.clear()
    finishes(place, "deploy.release")


def test_a_crashing_image_is_said_to_crash(place: Site) -> None:
    place.sim.behaviour.crashing.add(f"{GATEWAY}/ui")
    done = place.deploy()
    outcome = done.result.outcomes["deploy.release"]
    assert outcome.code == "FLY-019", outcome
    place.sim.behaviour.crashing.clear()
    finishes(place, "deploy.release")


def test_an_unknown_redis_plan_lists_those_there_are(place: Site) -> None:
    done = place.deploy(STACK__REDIS__PLAN="Fixed 3MB")
    outcome = done.result.outcomes["setup.redis"]
    assert outcome.code == "FLY-010", outcome
    assert "Fixed 250MB" in outcome.why
    finishes(place, "setup.redis")


def test_a_redis_in_another_region_is_not_replaced(place: Site) -> None:
    first = place.deploy(keys=("setup.redis",))
    assert first.ok, first.troubles()
    place.sim.state.addons["hotdash-llm-cache"]["region"] = "fra"
    done = place.deploy(keys=("setup.redis",))
    assert done.result.exit_code == 3
    assert "fra" in done.result.outcomes["setup.redis"].evidence
    assert len(place.sim.state.addons) == 1


@pytest.fixture
def held(copied: Site, tmp_path: Path) -> Site:
    """Deployed, with one machine missing and a secret changed, and a flyctl that soon gives up on held machines."""
    place = copied
    place.environ["FLYCTL"] = str(binaries.double(tmp_path / "impatient", lease_patience_s=0.3))
    place.sim.drift.change_secret(GATEWAY, "ADMIN_KEY", "by-hand-" * 3)
    place.sim.drift.delete_machine(GATEWAY, "edge")
    return place


def test_a_lease_that_a_dead_run_left_is_waited_for_until_it_ends(held: Site) -> None:
    """Longer than flyctl itself waits: a new machine's is ten minutes, a scaling's two."""
    held.sim.drift.hold_lease(GATEWAY, 5.0)
    done = held.deploy()
    assert done.ok, done.troubles()
    said = [line for line in done.lines if "which operator@example.com holds until" in line]
    assert said, done.lines


def test_machines_that_somebody_goes_on_holding_are_not_waited_for(held: Site) -> None:
    machines = held.sim.state.apps[GATEWAY]["machines"]
    stop = threading.Event()

    def renew() -> None:
        while not stop.wait(0.1):
            for machine in list(machines.values()):
                held.sim.machines.lease(machine, 3, (machine["lease"] or {}).get("nonce", ""))

    held.sim.drift.hold_lease(GATEWAY, 3.0)
    holder = threading.Thread(target=renew)
    holder.start()
    try:
        outcome = held.deploy().result.outcomes["deploy.release"]
    finally:
        stop.set()
        holder.join()
    assert (outcome.status, outcome.code) == (Status.FAILED, "FLY-022")
    assert "operator@example.com goes on holding machine" in outcome.why
    finishes(held, "deploy.release")


def test_machines_that_are_held_for_hours_are_not_waited_for(held: Site) -> None:
    held.sim.drift.hold_lease(GATEWAY, 10_000.0)
    outcome = held.deploy().result.outcomes["deploy.release"]
    assert (outcome.status, outcome.code) == (Status.FAILED, "FLY-022")
    assert re.search(r"operator@example.com holds machine \w+ until \d\d:\d\d:\d\d UTC", outcome.why)


def test_a_supabase_password_of_special_characters_reaches_langfuse_unharmed(place: Site) -> None:
    import psycopg
    from psycopg import sql

    word = "p@ss:w/rd#?%&+=[] '$`"
    with psycopg.connect(place.environ["SUPABASE_DIRECT_URL"], autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS keeper")
        role = sql.SQL("CREATE ROLE keeper SUPERUSER LOGIN PASSWORD {}").format(sql.Literal(word))
        connection.execute(role)
    from urllib.parse import quote, urlsplit

    port = urlsplit(place.environ["SUPABASE_DIRECT_URL"]).port
    url = f"postgresql://keeper:{quote(word, safe='')}@127.0.0.1:{port}/postgres?sslmode=disable"
    place.environ |= {"SUPABASE_DIRECT_URL": url, "SUPABASE_POOLED_URL": url}
    done = place.deploy()
    assert done.ok, done.troubles()
    kept = place.sim.state.apps[GATEWAY]["secrets"]["LANGFUSE_DIRECT_URL"]["value"]
    with psycopg.connect(kept.split("?")[0] + "?sslmode=disable") as connection:
        assert connection.execute("SELECT current_schema()").fetchone() == ("langfuse",)
    with psycopg.connect(place.environ["SUPABASE_DIRECT_URL"], autocommit=True) as connection:
        connection.execute("REASSIGN OWNED BY keeper TO postgres")


def test_two_operators_cannot_deploy_at_once(place: Site) -> None:
    from ops.runbook.errors import RunbookError

    prepared = place.deploy(keys=("setup.schema",))
    assert prepared.ok, prepared.troubles()
    one, other = place.deployment(), place.deployment()
    with one.target.exclusive():  # type: ignore[attr-defined]
        with pytest.raises(RunbookError) as caught, other.target.exclusive():  # type: ignore[attr-defined]
            pass
        assert caught.value.code == "LOCK-010"
        assert caught.value.exit_code == 3
        assert "@" in caught.value.what
    with other.target.exclusive():  # type: ignore[attr-defined]
        pass
