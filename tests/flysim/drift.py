"""What other people do to a running stack behind the runbook's back, for tests of drift."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.flysim.graphql_mutations import allocate
from tests.flysim.machines import group_of
from tests.flysim.state import Json, image_parts

if TYPE_CHECKING:
    from tests.flysim.server import FlySim


class Drift:
    """Changes made directly in the state: no call is logged, no mutation counted."""

    def __init__(self, sim: FlySim) -> None:
        self._sim = sim

    def _app(self, name: str) -> Json:
        return self._sim.state.apps[name]

    def take_name(self, name: str) -> None:
        """A stranger's app holds this name."""
        with self._sim.lock:
            self._sim.state.add_app(name, next(iter(self._sim.state.orgs)), stranger=True)

    def no_payment_method(self, org: str = "personal") -> None:
        """The organisation loses its card."""
        with self._sim.lock:
            self._sim.state.orgs[org]["paid"] = False

    def change_secret(self, app: str, name: str, value: str) -> None:
        """Somebody sets a secret by hand."""
        with self._sim.lock:
            self._sim.state.set_secrets(self._app(app), {name: value})

    def remove_secret(self, app: str, name: str) -> None:
        """Somebody unsets a secret."""
        with self._sim.lock:
            self._sim.state.set_secrets(self._app(app), {name: None})

    def old_image(self, app: str, group: str, ref: str) -> str:
        """One machine of the group is on another image; returns its id."""
        with self._sim.lock:
            digest = self._sim.state.images.get(ref) or self._sim.state.add_image(ref)
            machine = next(m for m in self._app(app)["machines"].values() if group in ("", group_of(m)))
            machine["config"] = {**machine["config"], "image": ref}
            machine["image_ref"] = {**image_parts(ref), "digest": digest, "labels": {}}
            return str(machine["id"])

    def delete_machine(self, app: str, group: str = "") -> str:
        """A machine of the group is gone; returns its id."""
        with self._sim.lock:
            record = self._app(app)
            machine = next(m for m in record["machines"].values() if group in ("", group_of(m)))
            self._sim.machines.destroy(record, machine)
            return str(machine["id"])

    def stop_machine(self, app: str, group: str = "") -> str:
        """A machine of the group is stopped; returns its id."""
        with self._sim.lock:
            machine = next(m for m in self._app(app)["machines"].values() if group in ("", group_of(m)))
            machine["stopped"] = True
            return str(machine["id"])

    def delete_volume(self, app: str, name: str) -> str:
        """A volume is lost together with the machine that used it; returns its id."""
        with self._sim.lock:
            record = self._app(app)
            volume = next(v for v in record["volumes"].values() if v["name"] == name)
            if volume["attached_machine_id"] in record["machines"]:
                self._sim.machines.destroy(record, record["machines"][volume["attached_machine_id"]])
            del record["volumes"][volume["id"]]
            return str(volume["id"])

    def remove_cert(self, app: str, hostname: str) -> None:
        """A certificate is removed."""
        with self._sim.lock:
            del self._app(app)["certificates"][hostname]

    def release_ips(self, app: str) -> None:
        """The app loses its addresses."""
        with self._sim.lock:
            self._app(app)["ips"].clear()

    def allocate_ip(self, app: str, kind: str) -> str:
        """Somebody allocates an address by hand; returns it."""
        with self._sim.lock:
            return str(allocate(self._app(app), kind, "")["address"])

    def eviction(self, name: str, *, on: bool = True) -> None:
        """Somebody switches the managed Redis' eviction on or off."""
        with self._sim.lock:
            addon = self._sim.state.addons[name]
            addon["options"] = {**addon["options"], "eviction": on}

    def hold_lease(self, app: str, seconds: float = 3.0) -> None:
        """Somebody else's deploy holds every machine's lease for a while."""
        with self._sim.lock:
            for machine in self._app(app)["machines"].values():
                self._sim.machines.lease(machine, max(1, round(seconds)), "")
