"""What the public DNS says of a name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ops.runbook.errors import RunbookError

if TYPE_CHECKING:
    from dns.resolver import Resolver

RESOLVER = "RUNBOOK_DNS_RESOLVER"  # HOST:PORT to ask instead of the system's resolvers
LIFETIME_S = 5.0


@dataclass(frozen=True)
class Found:
    """A name's addresses, aliases followed.

    Attributes:
        a, aaaa: IPv4 and IPv6 addresses, sorted.
        alias: the name it is a CNAME for, else empty.
        trouble: why nothing can be said: the resolver did not answer.
    """

    a: tuple[str, ...] = ()
    aaaa: tuple[str, ...] = ()
    alias: str = ""
    trouble: str = ""

    def leads_to(self, addresses: Collection[str]) -> bool:
        """Whether it has addresses, and all of them are among `addresses`."""
        have = {*self.a, *self.aaaa}
        return bool(have) and have <= set(addresses)

    def __str__(self) -> str:
        if self.trouble:
            return f"unknown ({self.trouble})"
        return ", ".join((*self.a, *self.aaaa)) or "nothing"


# The ranges that Cloudflare publishes for its proxy (https://www.cloudflare.com/ips).
_CLOUDFLARE = (
    *("173.245.48.0/20", "103.21.244.0/22", "103.22.200.0/22", "103.31.4.0/22", "141.101.64.0/18", "108.162.192.0/18"),
    *("190.93.240.0/20", "188.114.96.0/20", "197.234.240.0/22", "198.41.128.0/17", "162.158.0.0/15", "104.16.0.0/13"),
    *("104.24.0.0/14", "172.64.0.0/13", "131.0.72.0/22"),
    *("2400:cb00::/32", "2606:4700::/32", "2803:f800::/32", "2405:b500::/32", "2405:8100::/32", "2a06:98c0::/29"),
    "2c0f:f248::/32",
)


def is_cloudflare(address: str) -> bool:
    """Whether an address is Cloudflare's proxy, which stands before a name whose records are set to "proxied"."""
    import ipaddress

    found = ipaddress.ip_address(address)
    ranges = (ipaddress.ip_network(text) for text in _CLOUDFLARE)
    return any(found in network for network in ranges if network.version == found.version)


def records(name: str, kind: str, resolver: Resolver) -> tuple[str, ...]:
    """A name's records of a kind such as TXT or CNAME, without quotes and final dots; none where it has none."""
    import dns.exception

    try:
        answer = resolver.resolve(name, kind, search=False)
    except dns.exception.DNSException:
        return ()
    return tuple(sorted(str(record).strip('"').rstrip(".") for record in answer))


def look_up(name: str, resolver: Resolver) -> Found:
    """Ask for a name's addresses now, past any cache of ours."""
    import dns.exception
    import dns.resolver

    found: dict[str, tuple[str, ...]] = {}
    alias = ""
    for kind in ("A", "AAAA"):
        try:
            answer = resolver.resolve(name, kind, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            found[kind] = ()
        except dns.exception.DNSException as error:
            return Found(trouble=type(error).__name__)
        else:
            found[kind] = tuple(sorted(str(record) for record in answer))
            canonical = str(answer.canonical_name).rstrip(".")
            alias = canonical if canonical != name.rstrip(".") else alias
    return Found(found["A"], found["AAAA"], alias)


def resolver_of(environ: Mapping[str, str]) -> Resolver:
    """The resolver to ask: the system's, or the one RUNBOOK_DNS_RESOLVER names.

    Raises:
        RunbookError: DNS-001 that is no HOST:PORT, or the system has none.
    """
    import dns.exception
    import dns.resolver

    place = environ.get(RESOLVER, "")
    if not place:
        try:
            resolver = dns.resolver.Resolver()
        except dns.exception.DNSException:
            raise RunbookError(
                "DNS-001",
                "this machine has no DNS resolver configured",
                next=f"{RESOLVER}=1.1.1.1:53 in .env",
            ) from None
    else:
        host, _, port = place.rpartition(":")
        if not host or not port.isdigit():
            raise RunbookError("DNS-001", f"{RESOLVER}: {place!r} is no HOST:PORT", next="for example 1.1.1.1:53")
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = [host.strip("[]")]
        resolver.port = int(port)
    resolver.lifetime = LIFETIME_S
    resolver.cache = None
    return resolver
