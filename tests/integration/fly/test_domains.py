"""Which sets of records let a certificate be issued and renewed, and users through; what is said where they do not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ops.runbook.step import Look, State
from tests.targets.fly.support import GATEWAY, HOSTS, Site

HOST = HOSTS[0]
CLOUDFLARE = ["104.16.1.1", "2606:4700::1111"]


@pytest.fixture(autouse=True)
def as_before(deployed: Site) -> Iterator[None]:
    yield
    for kept in (deployed.dns.records, deployed.dns.aliases, deployed.dns.texts, deployed.sim.dns.problems):
        kept.clear()  # type: ignore[attr-defined]
    deployed.follow_dns()


def look(place: Site) -> Look:
    deployment = place.deployment()
    return deployment.target.domains.look(deployment)


def of_kind(place: Site, *, v6: bool) -> list[str]:
    return [address for address in place.addresses() if (":" in address) == v6]


def test_both_kinds_of_address_are_as_wanted(deployed: Site) -> None:
    found = look(deployed)
    assert found.satisfied, found


def test_f10_only_aaaa_leaves_ipv4_clients_without(deployed: Site) -> None:
    """F10: only AAAA set; it was called as wanted."""
    deployed.dns.records[HOST] = of_kind(deployed, v6=True)
    found = look(deployed)
    assert found.state is State.DRIFTED
    assert f"{HOST}: no A record: IPv4 clients get nothing" in found.evidence
    assert f"{HOST}.  A     {of_kind(deployed, v6=False)[0]}" in found.diff


def test_f11_only_a_cannot_be_renewed_unless_the_challenge_is_delegated(deployed: Site) -> None:
    """F11: only A set; it was accepted."""
    deployed.dns.records[HOST] = of_kind(deployed, v6=False)
    found = look(deployed)
    assert f"{HOST}: no AAAA record: Fly cannot issue and renew a certificate" in found.evidence
    assert f"{HOST}.  AAAA  {of_kind(deployed, v6=True)[0]}" in found.diff
    deployed.dns.aliases[f"_acme-challenge.{HOST}"] = f"{HOST}.abcd.flydns.net"
    assert look(deployed).satisfied


def test_f12_a_proxied_name_is_named_with_both_ways_out(deployed: Site) -> None:
    """F12: Cloudflare's proxy; it was blocked for ever, and the proxy not mentioned."""
    deployed.dns.records[HOST] = CLOUDFLARE
    outcome = deployed.deploy(keys=("deploy.domains",)).result.outcomes["deploy.domains"]
    assert outcome.code == "DNS-002"
    assert "Cloudflare's proxy stands before it" in outcome.evidence
    assert "DNS only" in outcome.next
    owner = f"app-{deployed.sim.state.apps[GATEWAY]['number']}"
    assert f"_fly-ownership.{HOST}.  TXT   {owner}" in outcome.next
    deployed.dns.texts[f"_fly-ownership.{HOST}"] = "another-app"
    assert not look(deployed).satisfied
    deployed.dns.texts[f"_fly-ownership.{HOST}"] = owner
    assert look(deployed).satisfied
    done = deployed.deploy(keys=("deploy.domains",))
    assert done.ok, done.troubles()


def test_f13_a_reported_problem_ends_the_waiting_at_once(copied: Site) -> None:
    """F13: a CAA record; it cost twelve validations in 68 seconds."""
    caa = {"code": "CAA_ERROR", "message": "CAA record prevents issuance", "remediation": "Allow letsencrypt.org"}
    copied.sim.drift.remove_cert(GATEWAY, HOST)
    copied.sim.dns.problems[HOST] = caa
    outcome = copied.deploy(RUNBOOK_DNS_WAIT_S="60").result.outcomes["deploy.domains"]
    assert outcome.code == "DNS-003"
    assert outcome.why == "CAA record prevents issuance Allow letsencrypt.org"
    assert "mend what it reports" in outcome.next
    checks = [call for call in copied.sim.calls if call.operation.endswith(f"/{HOST}/check")]
    assert len(checks) == 1
    copied.sim.dns.problems.clear()
    done = copied.deploy()
    assert done.ok, done.troubles()
