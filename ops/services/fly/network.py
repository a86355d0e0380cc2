"""Addresses and certificates as Fly answers them, as typed records."""

from __future__ import annotations

import msgspec

from ops.services.fly.reading import Raw, pick, rows


class IpAddress(msgspec.Struct, frozen=True):
    """One address; `kind` is v4, v6, shared_v4, private_v6, egress_v4 or egress_v6."""

    address: str
    kind: str
    region: str = ""

    @classmethod
    def read(cls, raw: Raw) -> IpAddress:
        """From `ips list`."""
        return cls(
            address=str(pick(raw, "address", default="")),
            kind=str(pick(raw, "type", default="")),
            region=str(pick(raw, "region", default="")),
        )


class DnsRecords(msgspec.Struct, frozen=True):
    """The DNS records a hostname needs; either A and AAAA, or the CNAME."""

    a: tuple[str, ...] = ()
    aaaa: tuple[str, ...] = ()
    cname: str = ""
    acme_name: str = ""
    acme_target: str = ""
    ownership_name: str = ""
    ownership_value: str = ""


class Certificate(msgspec.Struct, frozen=True):
    """One hostname's certificate.

    Attributes:
        configured: Fly finds its DNS right; says nothing about a certificate yet.
        issued: a certificate is there and served.
        needs: the DNS records to add; empty in a list, which does not carry them.
        problems: what validation found wrong, with Fly's remedy.
    """

    hostname: str
    status: str = ""
    configured: bool = False
    issued: bool = False
    needs: DnsRecords = msgspec.field(default_factory=DnsRecords)
    problems: tuple[str, ...] = ()
    expires_at: str = ""
    rate_limited_until: str = ""

    @classmethod
    def read(cls, raw: Raw) -> Certificate:
        """From `certs add`, `certs check` or the Machines API."""
        held = list(rows(pick(raw, "certificates")))
        active = [c for c in held if pick(c, "status") == "active"]
        needs = pick(raw, "dns_requirements", default={})
        acme, ownership = pick(needs, "acme_challenge"), pick(needs, "ownership")
        return cls(
            hostname=str(pick(raw, "hostname", default="")),
            status=str(pick(raw, "status", default="")),
            configured=bool(pick(raw, "configured", default=False)),
            issued=bool(active)
            if held
            else bool(pick(raw, "has_fly_certificate", "has_custom_certificate", default=False)),
            needs=DnsRecords(
                a=tuple(map(str, pick(needs, "a", default=()))),
                aaaa=tuple(map(str, pick(needs, "aaaa", default=()))),
                cname=str(pick(needs, "cname", default="")),
                acme_name=str(pick(acme, "name", default="")),
                acme_target=str(pick(acme, "target", default="")),
                ownership_name=str(pick(ownership, "name", default="")),
                ownership_value=str(pick(ownership, "app_value", default="")),
            ),
            problems=tuple(
                f"{pick(e, 'message', default='')} {pick(e, 'remediation', default='')}".strip()
                for e in rows(pick(raw, "validation_errors"))
            ),
            expires_at=min(
                (str(pick(i, "expires_at", default="")) for c in active for i in rows(pick(c, "issued"))), default=""
            ),
            rate_limited_until=str(pick(raw, "rate_limited_until", default="")),
        )
