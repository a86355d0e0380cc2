"""Certificates: what a hostname's DNS must say, and whether a check finds it so."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.flysim.state import Json, now


@dataclass
class Dns:
    """What the simulated resolver answers, by hostname: ``right`` points at the app, anything else does not.

    Attributes:
        right: hostnames whose records are as demanded (or every hostname, with ``everything``).
        everything: treat every hostname as right.
        checks_until_issued: validation calls needed, after DNS is right, until a certificate is active.
        problems: what each check reports of a hostname, instead of issuing.
    """

    right: set[str] = field(default_factory=set)
    everything: bool = True
    checks_until_issued: int = 1
    problems: dict[str, Json] = field(default_factory=dict)

    def points_here(self, hostname: str) -> bool:
        """Whether the hostname's records are right."""
        return self.everything or hostname in self.right


class Certificates:
    """Certificate records and their two views."""

    def __init__(self, dns: Dns) -> None:
        self.dns = dns

    @staticmethod
    def new(hostname: str) -> Json:
        """A hostname just added."""
        return {"hostname": hostname, "created_at": now(), "updated_at": now(), "checks": 0}

    def check(self, app: Json, certificate: Json) -> None:
        """One validation run."""
        if self.dns.points_here(certificate["hostname"]) and app["ips"]:
            certificate["checks"] += 1
            certificate["updated_at"] = now()

    def _state(self, app: Json, certificate: Json) -> tuple[bool, bool]:
        configured = self.dns.points_here(certificate["hostname"]) and bool(app["ips"])
        wanted = self.dns.checks_until_issued
        troubled = certificate["hostname"] in self.dns.problems
        return configured, configured and not troubled and certificate["checks"] >= wanted

    def summary(self, app: Json, certificate: Json) -> Json:
        """One row of the list."""
        configured, issued = self._state(app, certificate)
        return {
            "hostname": certificate["hostname"],
            "status": "active" if issued else "pending_validation",
            "dns_provider": "example",
            "acme_dns_configured": False,
            "acme_alpn_configured": configured,
            "acme_http_configured": configured,
            "ownership_txt_configured": False,
            "configured": configured,
            "acme_requested": True,
            "has_custom_certificate": False,
            "has_fly_certificate": issued,
            "created_at": certificate["created_at"],
            "updated_at": certificate["updated_at"],
        }

    def detail(self, app: Json, certificate: Json) -> Json:
        """The full view, with the DNS records to add."""
        hostname = certificate["hostname"]
        configured, issued = self._state(app, certificate)
        v4 = [ip["address"] for ip in app["ips"] if ip["type"] in ("v4", "shared_v4")]
        v6 = [ip["address"] for ip in app["ips"] if ip["type"] == "v6"]
        target = f"{app['name'][:4]}x.{app['name']}.fly.dev"
        expires = (datetime.now(UTC) + timedelta(days=90)).isoformat().replace("+00:00", "Z")
        issued_by = [
            {"type": kind, "expires_at": expires, "certificate_authority": "lets_encrypt"} for kind in ("rsa", "ecdsa")
        ]
        reply = {
            "hostname": hostname,
            "configured": configured,
            "acme_requested": True,
            "dns_provider": "example",
            "status": "active" if issued else "pending_validation",
            "certificates": [
                {
                    "source": "fly",
                    "status": "active" if issued else "pending_validation",
                    "created_at": certificate["created_at"],
                    "issued": issued_by if issued else [],
                }
            ],
            "validation": {
                "dns_configured": configured,
                "alpn_configured": configured,
                "http_configured": configured,
                "ownership_txt_configured": False,
            },
            "dns_requirements": {
                "a": v4,
                "aaaa": v6,
                "cname": target,
                "acme_challenge": {"name": f"_acme-challenge.{hostname}", "target": f"{hostname}.{target}"},
                "ownership": {
                    "name": f"_fly-ownership.{hostname}",
                    "app_value": f"app-{app['number']}",
                    "org_value": f"org-{app['org']}",
                },
            },
            "dns_records": {
                "a": v4 if configured else ["192.0.2.1"],
                "aaaa": v6 if configured else [],
                "cname": [],
                "resolved_addresses": v4 + v6 if configured else ["192.0.2.1"],
                "soa": "example",
                "acme_challenge_cname": "",
                "ownership_txt": "",
            },
        }
        if hostname in self.dns.problems:
            reply["validation_errors"] = [{"timestamp": now(), **self.dns.problems[hostname]}]
        elif not configured:
            reply["validation_errors"] = [
                {
                    "code": "DNS_NOT_POINTING",
                    "timestamp": now(),
                    "message": f"{hostname} does not resolve to this app's addresses",
                    "remediation": f"Add an A record for {hostname} pointing to {', '.join(v4) or 'the app'}",
                }
            ]
        return reply
