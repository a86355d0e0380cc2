"""Looking names up, asked of a real DNS server on loopback."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from ops.runbook.errors import RunbookError
from ops.services import dns
from tests.targets.fly.support import DnsServer


@pytest.fixture
def server() -> Iterator[DnsServer]:
    made = DnsServer()
    yield made
    made.stop()


def ask(server: DnsServer, name: str) -> dns.Found:
    return dns.look_up(name, dns.resolver_of({dns.RESOLVER: server.address}))


def test_both_kinds_of_addresses_are_found(server: DnsServer) -> None:
    server.records["a.example.com"] = ["192.0.2.1", "2001:db8::1"]
    found = ask(server, "a.example.com")
    assert (found.a, found.aaaa, found.trouble) == (("192.0.2.1",), ("2001:db8::1",), "")


def test_a_name_that_is_not_there_leads_to_nothing(server: DnsServer) -> None:
    found = ask(server, "no.example.com")
    assert str(found) == "nothing"
    assert not found.leads_to(["192.0.2.1"])


def test_a_name_leads_to_us_only_if_none_of_its_addresses_is_a_strangers(server: DnsServer) -> None:
    server.records["a.example.com"] = ["192.0.2.1"]
    assert ask(server, "a.example.com").leads_to(["192.0.2.1", "2001:db8::1"])
    server.records["a.example.com"] = ["192.0.2.1", "192.0.2.66"]
    assert not ask(server, "a.example.com").leads_to(["192.0.2.1"])


def test_a_change_is_seen_at_once(server: DnsServer) -> None:
    server.records["a.example.com"] = ["192.0.2.1"]
    resolver = dns.resolver_of({dns.RESOLVER: server.address})
    assert dns.look_up("a.example.com", resolver).a == ("192.0.2.1",)
    server.records["a.example.com"] = ["192.0.2.2"]
    assert dns.look_up("a.example.com", resolver).a == ("192.0.2.2",)


def test_a_resolver_that_does_not_answer_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns, "LIFETIME_S", 0.3)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        resolver = dns.resolver_of({dns.RESOLVER: f"127.0.0.1:{silent.getsockname()[1]}"})
        found = dns.look_up("a.example.com", resolver)
    assert found.trouble
    assert "unknown" in str(found)


@pytest.mark.parametrize("place", ["1.1.1.1", "nowhere", ":53", "1.1.1.1:dns"])
def test_a_resolver_without_a_port_is_refused(place: str) -> None:
    with pytest.raises(RunbookError) as caught:
        dns.resolver_of({dns.RESOLVER: place})
    assert caught.value.code == "DNS-001"
