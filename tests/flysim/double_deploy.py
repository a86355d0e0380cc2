"""What the flyctl double does for deploy, restart, scale and config validation: the same changing calls, in order."""

from __future__ import annotations

import contextlib
import json
import shlex
import sys
import threading
import time
import tomllib
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ops.targets.fly import comparing, machine_config
from tests.flysim.double_api import Api, Failed

Json = dict[str, Any]
LEASE_PATIENCE_S = 60.0  # fly-go v0.9.6 tries any failure of it again for a minute


def _read(path: str | None) -> Json:
    try:
        return tomllib.loads(Path(str(path)).read_text())
    except OSError:
        raise Failed(f"failed loading app config from {path}: config file not found at specified path") from None
    except tomllib.TOMLDecodeError as error:
        raise Failed(f"failed loading app config from {path}: {error}") from None


def _groups(config: Json) -> dict[str, str]:
    return dict(config.get("processes") or {"app": ""})


def _machine_config(config: Json, group: str, image: str, release: Json, volume: str | None) -> Json:
    """What the product derives from a fly.toml, which the conformance suite holds to the real flyctl's."""
    made = {
        **machine_config.of_group(config, group),
        "image": image,
        "metadata": {
            "fly_platform_version": "v2",
            "fly_process_group": group,
            "fly_flyctl_version": "0.4.87",
            "fly_release_id": release["id"],
            "fly_release_version": str(release["version"]),
        },
    }
    if volume:
        made["mounts"] = [{**made["mounts"][0], "volume": volume}]
    return made


def _mounts(config: Json, group: str) -> list[Json]:
    return list(machine_config.of_group(config, group).get("mounts", []))


def acquire(api: Api, app: str, machine: str, ttl: int) -> str:
    """Take a machine's lease for `ttl` seconds, trying for as long as flyctl does whatever the answer is; its nonce."""
    path, wrap = f"/apps/{app}/machines/{machine}/lease?ttl={ttl}", f"failed to get lease on VM {machine}"
    end = time.monotonic() + LEASE_PATIENCE_S
    while True:
        try:
            return str(api.v1("POST", path, wrap=wrap)["data"]["nonce"])
        except Failed:
            if time.monotonic() > end:
                raise
            time.sleep(0.3)


def await_state(api: Api, path: str, state: str, wait_s: float) -> None:
    """Wait for a machine's state: a minute at most for each call, as the API has it."""
    deadline = time.monotonic() + wait_s
    while True:
        try:
            api.v1("GET", f"{path}/wait?state={state}&timeout={int(max(1, min(wait_s, 60)))}")
            return
        except Failed:
            if time.monotonic() > deadline:
                raise Failed(
                    "timeout reached waiting for machine's state to change\nYour machine was created, but never "
                    "started or exited immediately."
                ) from None


class Release:
    """One release from its creation to its end."""

    def __init__(self, api: Api, app: str, image: str, definition: Json) -> None:
        self.api, self.app, self.image = api, app, image
        self.nonces: dict[str, str] = {}
        body = {"app_name": app, "image": image, "definition": definition, "strategy": "ROLLING"}
        self.record = api.rest("POST", "/releases", body, "create release")["release"]
        self.mark("running")

    def mark(self, status: str) -> None:
        """Set the release's status."""
        self.api.rest(
            "PATCH", f"/releases/{self.record['id']}", {"status": status}, f"set release status to '{status}'"
        )

    def launch(self, config: Json, region: str, wait_s: float) -> None:
        """Create a machine and see it healthy."""
        body = {"config": config, "region": region, "lease_ttl": int(wait_s)}
        machine = self.api.v1("POST", f"/apps/{self.app}/machines", body, wrap="failed to launch VM")
        self.nonces[machine["id"]] = machine.get("nonce", "")
        try:
            self.healthy(machine, wait_s)
        finally:
            self.unlease(machine)

    def healthy(self, machine: Json, wait_s: float) -> None:
        """Wait until a machine is started and its checks pass."""
        path = f"/apps/{self.app}/machines/{machine['id']}"
        await_state(self.api, path, "started", wait_s)
        deadline = time.monotonic() + wait_s
        while True:
            seen = self.api.v1("GET", path)
            exits = [e for e in seen["events"] if e["type"] == "exit"]
            if exits and exits[0]["request"]["restart_count"] > 1:
                raise Failed(f"smoke checks for {machine['id']} failed: the app appears to be crashing")
            checks = seen.get("checks") or []
            if all(check["status"] == "passing" for check in checks):
                return
            if time.monotonic() > deadline:
                raise Failed(
                    f"timeout reached waiting for health checks to pass for machine {machine['id']}: "
                    "context deadline exceeded"
                )
            time.sleep(0.1)

    def lease(self, machine: Json) -> None:
        """Take a machine's lease."""
        self.nonces[machine["id"]] = acquire(self.api, self.app, machine["id"], 13)

    def unlease(self, machine: Json) -> None:
        """Give a machine's lease back, however what it was taken for ended; a failure is a warning, as in flyctl."""
        nonce = self.nonces.pop(machine["id"], "")
        if not nonce:
            return
        try:
            self.api.v1("DELETE", f"/apps/{self.app}/machines/{machine['id']}/lease", nonce=nonce)
        except Failed as error:
            print(f"WARN failed to release lease for machine {machine['id']}: {error}", file=sys.stderr)

    def update(self, machines: list[tuple[Json, Json]], wait_s: float) -> None:
        """Give machines new configs, the groups side by side, in each one after the other; one that stands stays so."""
        groups: dict[str, list[tuple[Json, Json]]] = {}
        for machine, config in sorted(machines, key=lambda pair: str(pair[0]["id"])):
            groups.setdefault(_group(machine), []).append((machine, config))
        failed = threading.Event()

        def roll(entries: list[tuple[Json, Json]]) -> None:
            for machine, config in entries:
                if failed.is_set():
                    return
                try:
                    self._replace(machine, config, wait_s)
                except Failed:
                    failed.set()
                    raise

        try:
            for machine, _ in machines:
                self.lease(machine)
            with ThreadPoolExecutor(max(1, len(groups))) as pool:
                for done in [pool.submit(roll, entries) for entries in groups.values()]:
                    done.result()
        finally:
            for machine, _ in machines:
                self.unlease(machine)

    def _replace(self, machine: Json, config: Json, wait_s: float) -> None:
        runs = machine["state"] == "started"
        path = f"/apps/{self.app}/machines/{machine['id']}"
        body = {"config": config, "region": machine["region"], "skip_launch": not runs}
        self.api.v1("POST", path, body, "failed to update VM", self.nonces[machine["id"]])
        if runs:
            self.healthy(machine, wait_s)

    def say(self) -> None:
        """The line FLY_EMIT_RELEASE_JSON asks for."""
        record = self.record
        line = {"id": record["id"], "version": record["version"], "image_ref": self.image}
        print(json.dumps(line, separators=(",", ":")))


def _machines(api: Api, app: str) -> list[Json]:
    found: list[Json] = api.v1("GET", f"/apps/{app}/machines", wrap="failed to list VMs")
    return [m for m in found if (m["config"].get("metadata") or {}).get("fly_platform_version") == "v2"]


def _group(machine: Json) -> str:
    return str((machine["config"].get("metadata") or {}).get("fly_process_group", ""))


def _find_image(api: Api, app: str, ref: str) -> None:
    build = api.rest("POST", "/builds", {"app_name": app})["id"]
    query = "query($n: String!, $r: String!) { app(name: $n) { id image(ref: $r) { id digest } } }"
    try:
        api.query(query, "failed to fetch an image or build from source", n=app, r=ref)
    finally:
        api.rest("POST", "/builds/finish", {"build_id": build, "app_name": app})


def _first_deploy(api: Api, app: str, config: Json, groups: list[str], options: Namespace) -> None:
    volumes = [v["name"] for v in api.v1("GET", f"/apps/{app}/volumes") if not v["attached_machine_id"]]
    for group in groups:
        for mount in _mounts(config, group):
            if mount["name"] not in volumes:
                body = {"name": mount["name"], "region": config["primary_region"], "size_gb": 1}
                api.v1("POST", f"/apps/{app}/volumes", body, wrap="failed to create volume")
    if config.get("services") and not options.no_public_ips and not api.v1("GET", f"/apps/{app}/ip_assignments")["ips"]:
        for kind in ("v6", "shared_v4"):
            api.v1("POST", f"/apps/{app}/ip_assignments", {"type": kind})


def _free_volumes(api: Api, app: str, config: Json, missing: list[str]) -> dict[str, str]:
    free: dict[str, list[str]] = {}
    for volume in api.v1("GET", f"/apps/{app}/volumes"):
        if not volume["attached_machine_id"]:
            free.setdefault(volume["name"], []).append(volume["id"])
    chosen = {}
    for group in missing:
        for mount in _mounts(config, group):
            if not free.get(mount["name"]):
                raise Failed(
                    f"creating a new machine in group '{group}' requires an unattached '{mount['name']}' "
                    f"volume. Create it with `fly volume create {mount['name']}`"
                )
            chosen[group] = free[mount["name"]].pop(0)
    return chosen


def _seconds(text: str | None, default: float = 300.0) -> float:
    return float((text or "").rstrip("s") or default)


def deploy(api: Api, options: Namespace) -> None:
    """`deploy --image`."""
    config, app = _read(options.config), options.app
    api.v1("GET", f"/apps/{app}", wrap="failed to get app")
    _find_image(api, app, options.image)
    chosen = (options.process_groups or ",".join(_groups(config))).split(",")
    wanted = [group for group in sorted(_groups(config)) if group in chosen]
    machines = [m for m in _machines(api, app) if _group(m) in wanted]
    missing = [group for group in wanted if group not in map(_group, machines)]
    if not _machines(api, app):
        _first_deploy(api, app, config, wanted, options)
    volumes = _free_volumes(api, app, config, missing)
    release = Release(api, app, options.image, config)
    try:
        _release_command(api, app, config, release, options)
        if not options.process_groups:
            _take_away(api, app, _groups(config))
        region, wait_s = config.get("primary_region", "ord"), _seconds(options.wait_timeout)
        for group in missing:
            made = _machine_config(config, group, options.image, release.record, volumes.get(group))
            release.launch(made, region, wait_s)
        entries = []
        for machine in machines:
            mounted = (machine["config"].get("mounts") or [{}])[0].get("volume")
            made = _machine_config(config, _group(machine), options.image, release.record, mounted)
            by_hand = {key: value for key, value in machine["config"].items() if key in comparing.KEPT}
            entries.append((machine, by_hand | made))
        release.update(entries, wait_s)
    except Failed:
        release.mark("failed")
        raise
    release.mark("complete")
    release.say()


def _take_away(api: Api, app: str, groups: dict[str, str]) -> None:
    """Destroy the machines of groups that the config does not have: only a deploy that names no groups does."""
    for machine in _machines(api, app):
        if _group(machine) not in groups:
            nonce = acquire(api, app, machine["id"], 13)
            api.v1("DELETE", f"/apps/{app}/machines/{machine['id']}?kill=true", nonce=nonce)


def _release_command(api: Api, app: str, config: Json, release: Release, options: Namespace) -> None:
    command = (config.get("deploy") or {}).get("release_command")
    if not command:
        return
    made = _machine_config(config, min(_groups(config)), options.image, release.record, None)
    made |= {"init": {"cmd": shlex.split(command)}, "auto_destroy": True, "services": [], "checks": {}}
    made["metadata"]["fly_process_group"] = "fly_app_release_command"
    body = {"config": made, "region": config.get("primary_region"), "skip_launch": True}
    machine = api.v1("POST", f"/apps/{app}/machines", body)
    path = f"/apps/{app}/machines/{machine['id']}"
    api.v1("POST", f"{path}/start")
    await_state(api, path, "destroyed", _seconds(options.release_command_timeout))
    code = next(e for e in api.v1("GET", path)["events"] if e["type"] == "exit")["request"]["exit_event"]["exit_code"]
    if code:
        raise Failed(
            f"release command failed - aborting deployment. machine {machine['id']} exited with non-zero "
            f"status of {code}"
        )


def restart(api: Api, options: Namespace) -> None:
    """`secrets deploy`: every machine anew on the image it has, as a release."""
    app = options.app
    query = "query($n: String!) { app(name: $n) { currentReleaseUnprocessed { imageRef configDefinition } } }"
    current = api.query(query, n=app)["app"]["currentReleaseUnprocessed"]
    machines = _machines(api, app)
    if not machines:
        raise Failed("no machines available to deploy")
    release = Release(api, app, current["imageRef"], current["configDefinition"])
    entries = []
    for machine in machines:
        made = json.loads(json.dumps(machine["config"]))
        version = str(release.record["version"])
        made["metadata"] |= {"fly_release_id": release.record["id"], "fly_release_version": version}
        entries.append((machine, made))
    try:
        release.update(entries, 300)
    except Failed:
        release.mark("failed")
        raise
    release.mark("complete")
    release.say()


def scale(api: Api, options: Namespace) -> None:
    """`scale count`: new machines are copies of one of their group."""
    app = options.app
    machines = _machines(api, app)
    if not machines:
        raise Failed(
            "failed to grab app config from existing machines, error: could not create a fly.toml from any "
            "machines :-(\nNo machines configured for this app"
        )
    plan: list[tuple[str, int]] = []
    for word in options.words:
        group, _, count = word.partition("=")
        plan.append((group, int(count) - sum(_group(m) == group for m in machines)))
    if not any(change for _, change in plan):
        print("App already scaled to desired state. No need for changes")
        return
    nonces = {machine["id"]: acquire(api, app, machine["id"], 120) for machine in machines}
    query = "query($n: String!) { app(name: $n) { currentReleaseUnprocessed { id version imageRef } } }"
    newest = api.query(query, n=app)["app"]["currentReleaseUnprocessed"]
    for group, change in plan:
        found = [m for m in machines if _group(m) == group]
        for _ in range(change):
            config = json.loads(json.dumps(found[0]["config"])) | {"image": newest["imageRef"]}
            region = options.region or found[0]["region"]
            api.v1("POST", f"/apps/{app}/machines", {"config": config, "region": region}, wrap="failed to launch VM")
        for machine in found[: max(0, -change)]:
            api.v1("DELETE", f"/apps/{app}/machines/{machine['id']}?kill=true", nonce=nonces[machine["id"]])
    for machine_id, nonce in nonces.items():
        # flyctl gives back the lease of a machine it has just destroyed, too.
        with contextlib.suppress(Failed):
            api.v1("DELETE", f"/apps/{app}/machines/{machine_id}/lease", nonce=nonce)
