"""Typed records of what the looks read from Fly's APIs beyond flyctl's output: machine config, secrets, addresses."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from ops.services.fly.reading import pick
from ops.services.fly.shapes import Machine

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Gone(Exception):
    """There is no such app in the account."""


class Seen(msgspec.Struct, frozen=True):
    """One machine, with its whole config as the API shows it.

    Attributes:
        managed: flyctl's deploys take it for the app's own; others made it by hand (`fly machine run`).
        cordoned: Fly's proxy sends it nothing.
    """

    machine: Machine
    config: Mapping[str, Any]
    managed: bool = True
    cordoned: bool = False

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Seen:
        """From the Machines API."""
        config = pick(raw, "config", "incomplete_config", default={})
        metadata = pick(config, "metadata", default={})
        machine = Machine.read(raw)
        # Of a machine whose host does not answer, not even that may be known.
        managed = machine.host_status != "ok" or (
            bool(machine.group) and pick(metadata, "fly_platform_version") == "v2"
        )
        return cls(machine, config, managed, bool(pick(raw, "cordoned", default=False)))

    @property
    def memory_mb(self) -> int:
        """Its memory in MB; 0 where Fly does not say."""
        return self.machine.memory_mb or 0

    @property
    def in_dns(self) -> bool:
        """Whether the app's ``.internal`` name leads to it."""
        return self.machine.state == "started" and not pick(pick(self.config, "dns"), "skip_registration")

    @property
    def reference(self) -> str:
        """The image reference it was told to run, without digest."""
        return self.machine.image.partition("@")[0]

    @property
    def name(self) -> str:
        """How an operator reads it: group and id."""
        return f"{self.machine.group or 'machine'} {self.machine.id}"


class Stored(msgspec.Struct, frozen=True):
    """A secret as Fly shows it: an opaque digest, and when it was last set."""

    digest: str
    updated: datetime

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Stored:
        """From the Machines API."""
        return cls(str(pick(raw, "digest", default="")), moment(str(pick(raw, "updated_at", "created_at", default=""))))


class Address(msgspec.Struct, frozen=True):
    """One address; `kind` is shared_v4, v4, v6 or private_v6."""

    text: str
    kind: str

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Address:
        """From the Machines API, which tells only whether it is shared: the rest is in the address itself."""
        import ipaddress

        text = str(pick(raw, "ip", default=""))
        if ":" in text:
            private = ipaddress.ip_address(text) in ipaddress.ip_network("fc00::/7")
            return cls(text, "private_v6" if private else "v6")
        return cls(text, "shared_v4" if pick(raw, "shared", default=False) else "v4")

    @property
    def public(self) -> bool:
        """Whether it can be reached from the internet."""
        return self.kind != "private_v6"


def moment(text: str) -> datetime:
    """A time as Fly writes it; long ago where there is none."""
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return LONG_AGO
    return found if found.tzinfo else found.replace(tzinfo=UTC)
