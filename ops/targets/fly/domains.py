"""Part 3.4: the public names, their DNS records and certificates."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ops.runbook import interrupt
from ops.runbook.errors import RunbookError
from ops.runbook.interrupt import wait_until
from ops.runbook.step import Look, Say, drifted, missing, satisfied
from ops.services import dns
from ops.targets.fly import reaching
from ops.targets.fly.seen import Gone

if TYPE_CHECKING:
    from dns.resolver import Resolver

    from ops.services.dns import Found
    from ops.services.fly.network import Certificate, DnsRecords
    from ops.targets.fly.account import Account
    from ops.targets.workspace import Workspace

WAIT = "RUNBOOK_DNS_WAIT_S"
WAIT_S = 600.0
# Let's Encrypt allows five failed validations per name and hour; with right DNS they do not fail, they take time.
BETWEEN_CHECKS_S = 10.0
BETWEEN_LOOKUPS_S = 5.0
LOOK = "inv deploy.status and inv deploy.logs --group edge: is the edge up, and what stands behind it"


@dataclass(frozen=True)
class Name:
    """How one public name stands.

    Attributes:
        addresses: the app's public ones.
        acme: a `_acme-challenge` record lets Fly issue and renew without asking the name itself.
        owned: a `_fly-ownership` record says the name is this app's, although another proxy stands before it.
        needs: records that Fly asks for; known where DNS is not plain.
    """

    host: str
    certificate: Certificate | None
    found: Found
    addresses: tuple[str, ...]
    acme: bool = False
    owned: bool = False
    needs: DnsRecords | None = None

    @property
    def proxied(self) -> bool:
        """Whether Cloudflare's proxy answers for it."""
        addresses = (*self.found.a, *self.found.aaaa)
        return bool(addresses) and all(map(dns.is_cloudflare, addresses))

    @property
    def plain(self) -> bool:
        """It leads to the app and nowhere else, over every kind of address the app has: all that Fly needs."""
        return self.found.leads_to(self.addresses) and not self.lacking

    @property
    def lacking(self) -> list[str]:
        """The kinds of address that the app has and the name has not."""
        kinds = (("A", False, self.found.a), ("AAAA", True, self.found.aaaa))
        return [kind for kind, v6, have in kinds if not have and any((":" in ip) == v6 for ip in self.addresses)]

    @property
    def dns_wrong(self) -> str:
        """What is wrong with its records; empty when a certificate can be issued and renewed, and users get through."""
        if self.plain or (self.proxied and self.owned):
            return ""
        if self.proxied:
            return (
                f"{self.host}: Cloudflare's proxy stands before it ({self.found}), and Fly cannot see that it is ours"
            )
        if not self.found.leads_to(self.addresses):
            return f"{self.host}: leads to {self.found} → {', '.join(self.addresses)}"
        if self.lacking == ["AAAA"] and self.acme:
            return ""
        lost = "IPv4 clients get nothing" if "A" in self.lacking else "Fly cannot issue and renew a certificate"
        return f"{self.host}: no {' and no '.join(self.lacking)} record: {lost}"

    @property
    def issued(self) -> bool:
        """Whether Fly has issued its certificate."""
        return self.certificate is not None and self.certificate.issued

    @property
    def records(self) -> list[str]:
        """What to set, as a zone file has it; each way out where there are several."""
        kinds = {True: "AAAA", False: "A"}
        plain = [f"{self.host}.  {kinds[':' in address]:<5} {address}" for address in self.addresses]
        needs = self.needs
        if self.proxied and needs is not None:
            return [
                f'either switch the proxy off for {self.host} at Cloudflare ("DNS only") and have',
                *plain,
                "or keep it and add",
                f"{needs.ownership_name}.  TXT   {needs.ownership_value}",
            ]
        return plain

    @property
    def line(self) -> str:
        """What is not as wanted; empty when all is."""
        if self.dns_wrong:
            return self.dns_wrong
        if self.certificate is None:
            return f"{self.host}: not added to the app → added"
        return "" if self.issued else f"{self.host}: certificate {self.certificate.status or 'pending'} → active"


def hosts(workspace: Workspace) -> tuple[str, ...]:
    """The stack's public names; one where both are the same."""
    domains = workspace.stack.domains
    return tuple(dict.fromkeys((domains.gateway, domains.langfuse)))


class Domains:
    """Both names lead to the app's addresses, and Fly serves a certificate for each."""

    def __init__(self, account: Account) -> None:
        self.account = account

    def _names(self, workspace: Workspace, *more: Callable[[], Any]) -> tuple[list[Name], list[Any]]:
        """How each name stands; and what `more`, called beside it, returns."""
        app, names, resolver = workspace.stack.fly.app, hosts(workspace), dns.resolver_of(workspace.environ)
        certificates, addresses, *answers = self.account.together(
            lambda: self.account.certificates(app),
            lambda: self.account.addresses(app),
            *(lambda name=name: dns.look_up(name, resolver) for name in names),
            *more,
        )
        found, rest = answers[: len(names)], answers[len(names) :]
        public = tuple(address.text for address in addresses if address.public)
        made = [Name(name, certificates.get(name), answer, public) for name, answer in zip(names, found, strict=True)]
        return [name if name.plain else self._more_of(app, name, resolver) for name in made], rest

    def _more_of(self, app: str, name: Name, resolver: Resolver) -> Name:
        """A name whose own records are not all there is to it: what else its zone says, and what Fly asks for."""
        certificate = None
        if name.proxied and name.certificate is not None:
            certificate = self.account.client.cert(app, name.host)
        needs = certificate.needs if certificate else None
        texts = dns.records(f"_fly-ownership.{name.host}", "TXT", resolver) if name.proxied else ()
        return replace(
            name,
            acme=bool(name.lacking) and bool(dns.records(f"_acme-challenge.{name.host}", "CNAME", resolver)),
            owned=bool(needs and needs.ownership_value and needs.ownership_value in texts),
            needs=needs,
        )

    def look(self, workspace: Workspace) -> Look:
        """Whether each name has its records and its certificate, and answers over TLS."""
        try:
            names, answers = self._names(workspace, *reaching.requests(workspace))
        except Gone as gone:
            return missing(f"there is no app {gone} yet")
        lines = [name.line for name in names if name.line]
        if lines:
            if all(name.certificate is None for name in names):
                return missing(f"not added to the app: {', '.join(name.host for name in names)}")
            records = [record for name in names if name.dns_wrong for record in name.records]
            return drifted("; ".join(lines), "\n".join([*lines, *(f"add: {record}" for record in records)]))
        asked = [answer for found in answers for answer in found]
        wrong = [answer.wrong for answer in asked if answer.wrong]
        if wrong:
            return drifted("; ".join(wrong))
        return satisfied(f"certificates active; {reaching.shown(asked)}")

    def act(self, workspace: Workspace, say: Say) -> None:
        """Add the names, say which DNS records are needed, wait for them, have the certificates issued.

        Safe to interrupt: the names stay added, and the next run goes on waiting.

        Raises:
            RunbookError: DNS-002 the records are not there in time, DNS-003 no certificate in time.
        """
        app = workspace.stack.fly.app
        limit = float(workspace.environ.get(WAIT) or WAIT_S)
        with self.account.acting() as client:
            for name in self._names(workspace)[0]:
                if name.certificate is None:
                    say(f"adding {name.host} to {app}")
                    client.add_cert(app, name.host)
            names = self._wait_for_dns(workspace, limit, say)
            for name in names:
                if not name.issued:
                    self._issue(app, name.host, limit, say)
        self._wait_for_answers(workspace, limit, say)

    def _wait_for_answers(self, workspace: Workspace, limit: float, say: Say) -> None:
        """A certificate just issued takes Fly's proxies a moment to serve."""
        wrong: list[str] = []

        def all_answer() -> bool:
            asked = self.account.together(*reaching.requests(workspace))
            wrong[:] = [answer.wrong for found in asked for answer in found if answer.wrong]
            return not wrong

        try:
            wait_until(
                all_answer,
                what="the public names to answer",
                timeout=limit,
                every=1.0,
                say=say,
                code="DNS-004",
                next=LOOK,
            )
        except RunbookError as error:
            error.why = "; ".join(wrong)
            raise

    def _wait_for_dns(self, workspace: Workspace, limit: float, say: Say) -> list[Name]:
        start, said = time.monotonic(), False
        while True:
            names = self._names(workspace)[0]
            wrong = [name for name in names if name.dns_wrong]
            if not wrong:
                return names
            if not said:
                for record in (record for name in wrong for record in name.records):
                    say(f"add at your DNS provider: {record}")
                said = True
            waited = time.monotonic() - start
            if waited >= limit:
                raise _no_dns(wrong, waited)
            say("; ".join(name.dns_wrong for name in wrong) + f" ({waited:.0f} s)")
            interrupt.sleep(min(BETWEEN_LOOKUPS_S, max(0.05, limit - waited)))

    def _issue(self, app: str, host: str, limit: float, say: Say) -> None:
        start = time.monotonic()
        pause = 0.2
        while True:
            certificate = self.account.client.check_cert(app, host)
            if certificate.issued:
                return
            waited = time.monotonic() - start
            # A check that failed is not asked for again: Let's Encrypt counts them, and what was reported stays.
            if certificate.problems or certificate.rate_limited_until or waited >= limit:
                until = f" until {certificate.rate_limited_until}" if certificate.rate_limited_until else ""
                raise RunbookError(
                    "DNS-003",
                    f"no certificate for {host} after {waited:.0f} s",
                    why="; ".join(certificate.problems) or f"Fly says {certificate.status}{until}",
                    next="mend what it reports, then inv deploy.domains: names and records stay as they are"
                    if certificate.problems
                    else "inv deploy.domains later: names and records stay as they are",
                    blocked=True,
                )
            say(f"waiting for the certificate of {host}: {certificate.status or 'pending'} ({waited:.0f} s)")
            interrupt.sleep(pause)
            pause = min(BETWEEN_CHECKS_S, pause * 2)


def _no_dns(wrong: list[Name], waited: float) -> RunbookError:
    records = "\n".join(record for name in wrong for record in name.records)
    have = "; ".join(name.dns_wrong for name in wrong)
    return RunbookError(
        "DNS-002",
        f"{have}, after {waited:.0f} s",
        why="the public names must lead to the app's addresses before a certificate can be issued",
        next=f"set these DNS records (and no others of these names), then inv deploy.domains\n{records}",
        blocked=True,
    )
