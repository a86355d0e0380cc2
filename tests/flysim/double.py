"""A quick stand-in for the flyctl binary: the commands the runbook uses, against the same HTTP APIs.

For machines without the real one. It prints what flyctl 0.4.87 prints where anybody reads it (JSON, error
texts, exit codes) and makes the same changing calls; the conformance suite runs every test with both.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.flysim.double_api import Api, Failed, flag, show
from tests.flysim.double_deploy import acquire, await_state, deploy, restart, scale
from tests.flysim.double_network import (
    certs_add,
    certs_check,
    ips_allocate,
    ips_list,
    ips_release,
)

VERSION = "0.4.87"


def main(argv: list[str]) -> int:
    """Run one command; returns the exit code."""
    config_dir = Path(os.environ["FLY_CONFIG_DIR"])
    (config_dir / "config.yml").touch()
    words = [word for word in argv if not word.startswith("-")]
    command = next((c for c in COMMANDS if words[: len(c)] == list(c)), None)
    if command is None:
        print(f"Error: unknown command {argv[:1]} for flyctl", file=sys.stderr)
        return 1
    try:
        options = _options(argv, command)
        if command not in (("version",), ("config", "validate")) and not os.environ.get("FLY_API_TOKEN"):
            raise Failed("no access token available. Please login with 'flyctl auth login'")
        COMMANDS[command](Api(), options)
    except Failed as failed:
        print(f"Error: {failed}", file=sys.stderr)
        return 1
    return 0


def _options(argv: list[str], command: tuple[str, ...]) -> Namespace:
    parser = ArgumentParser(prog="flyctl", exit_on_error=False, allow_abbrev=False)
    for names in (
        ("-a", "--app"),
        ("-o", "--org"),
        ("-c", "--config"),
        ("-r", "--region"),
        ("-n", "--count"),
        ("-s", "--size"),
        ("--image",),
        ("--strategy",),
        ("--wait-timeout",),
        ("--process-groups",),
        ("--release-command-timeout",),
        ("--deploy-retries",),
        ("--snapshot-retention",),
        ("--image-label",),
        ("--dockerfile",),
        ("--build-arg",),
    ):
        parser.add_argument(*names)
    for name in (
        "--json",
        "--stage",
        "--yes",
        "--shared",
        "--strict",
        "--remote-only",
        "--no-public-ips",
        "--skip-health-checks",
    ):
        parser.add_argument(name, action="store_true")
    parser.add_argument("-y", action="store_true")
    for name in ("--ha", "--dns-checks", "--smoke-checks", "--require-unique-zone"):
        parser.add_argument(name, type=flag)
    parser.add_argument("words", nargs="*")
    options, unknown = parser.parse_known_intermixed_args(argv)
    if unknown:
        raise Failed(f"unknown flag: {unknown[0]}")
    options.words = options.words[len(command) :]
    return options


def version(api: Api, options: Namespace) -> None:
    """`version --json`."""
    print(json.dumps({"Name": "flyctl", "Version": VERSION, "OS": "linux", "Environment": "production"}))


def whoami(api: Api, options: Namespace) -> None:
    """`auth whoami --json`."""
    show({"email": api.query("query { viewer { ... on User { email } } }")["viewer"]["email"]})


def orgs(api: Api, options: Namespace) -> None:
    """`orgs list --json`."""
    nodes = api.query("query { organizations { nodes { slug name } } }")["organizations"]["nodes"]
    show({node["slug"]: node["name"] for node in nodes})


def apps_list(api: Api, options: Namespace) -> None:
    """`apps list --json`."""
    org = api.query("query($slug: String!) { organization(slug: $slug) { id } }", slug=options.org)["organization"]
    nodes = api.query(
        "query($org: ID) { apps(first: 200, organizationId: $org) "
        "{ nodes { name status deployed hostname organization { slug name } } } }",
        org=org["id"],
    )["apps"]["nodes"]
    show([_app(node) for node in nodes])


def _app(node: dict[str, Any]) -> dict[str, Any]:
    organization = {"Slug": node["organization"]["slug"], "Name": node["organization"]["name"]}
    return {
        "ID": node["name"],
        "Name": node["name"],
        "Status": node["status"],
        "Deployed": node["deployed"],
        "Hostname": node["hostname"],
        "Organization": organization,
        "CurrentRelease": None,
    }


def apps_create(api: Api, options: Namespace) -> None:
    """`apps create --json`."""
    nodes = api.query("query { organizations { nodes { slug } } }")["organizations"]["nodes"]
    if options.org not in [node["slug"] for node in nodes]:
        raise Failed(f"organization {options.org} not found")
    name = options.words[0]
    api.v1("POST", "/apps?wait=true", {"name": name, "org_slug": options.org})
    query = "query($n: String!) { app(name: $n) { name status deployed hostname organization { slug name } } }"
    show(_app(api.query(query, n=name)["app"]))


def apps_destroy(api: Api, options: Namespace) -> None:
    """`apps destroy`."""
    name = options.words[0]
    api.query("query($n: String!) { app(name: $n) { name } }", n=name)
    api.v1("DELETE", f"/apps/{name}")
    print(f"Destroyed app {name}")


def secrets_list(api: Api, options: Namespace) -> None:
    """`secrets list --json`, with the status flyctl computes from times."""
    app = options.app
    kept = api.v1("GET", f"/apps/{app}/secrets", wrap="failed to list app secrets")["secrets"]
    machines = api.v1("GET", f"/apps/{app}/machines")
    released = {}
    if machines:
        listed = api.rest("GET", f"/apps/{app}/releases?limit=20")["releases"]
        released = {release["id"]: release["created_at"] for release in listed}
    rows = []
    for secret in kept:
        have = [
            secret["updated_at"] <= released.get(m["config"]["metadata"].get("fly_release_id"), "") for m in machines
        ]
        status = "Staged" if not any(have) else "Deployed" if all(have) else "Partial"
        rows.append({"name": secret["name"], "digest": secret["digest"], "status": status})
    show(rows)


def secrets_import(api: Api, options: Namespace) -> None:
    """`secrets import`: lines of NAME="value"; only what the safe writer writes is understood."""
    api.query("query($n: String!) { app(name: $n) { name } }", n=options.app)
    values = {}
    for line in sys.stdin.buffer.read().decode().split("\n"):
        name, equals, value = line.partition("=")
        if not line:
            continue
        if not equals or len(value) < 2 or value[0] != '"' or value[-1] != '"':
            raise Failed(f"Secrets must be provided as NAME=VALUE pairs ({line} is invalid)")
        values[name.strip()] = value[1:-1]
    if not values:
        raise Failed("requires at least one SECRET=VALUE pair")
    api.v1("POST", f"/apps/{options.app}/secrets", {"values": values}, wrap="failed to update app secrets")
    print(
        "Secrets have been staged, but not set on VMs. Deploy or update machines in this app for the secrets "
        "to take effect."
    )


def secrets_unset(api: Api, options: Namespace) -> None:
    """`secrets unset --stage`."""
    api.query("query($n: String!) { app(name: $n) { name } }", n=options.app)
    api.v1("POST", f"/apps/{options.app}/secrets", {"values": dict.fromkeys(options.words)})


def volumes_list(api: Api, options: Namespace) -> None:
    """`volumes list --json`."""
    api.query("query($n: String!) { app(name: $n) { name } }", n=options.app)
    show(api.v1("GET", f"/apps/{options.app}/volumes"))


def volumes_create(api: Api, options: Namespace) -> None:
    """`volumes create --json`."""
    api.query("query($n: String!) { app(name: $n) { name } }", n=options.app)
    body = {
        "name": options.words[0],
        "region": options.region,
        "size_gb": int(options.size),
        "snapshot_retention": int(options.snapshot_retention),
    }
    show(api.v1("POST", f"/apps/{options.app}/volumes", body, wrap="failed to create volume"))


def volumes_extend(api: Api, options: Namespace) -> None:
    """`volumes extend`."""
    path = f"/apps/{options.app}/volumes/{options.words[0]}"
    api.v1("PUT", f"{path}/extend", {"size_gb": int(options.size)})


def status(api: Api, options: Namespace) -> None:
    """`status --json`."""
    app = api.query(
        "query($n: String!) { app(name: $n) { name status deployed hostname appUrl organization { slug } } }",
        wrap="failed to get app",
        n=options.app,
    )["app"]
    machines = [
        m
        for m in api.v1("GET", f"/apps/{options.app}/machines")
        if m["config"]["metadata"].get("fly_process_group") != "fly_app_release_command"
    ]
    show(
        {
            "ID": app["name"],
            "Name": app["name"],
            "Deployed": app["deployed"],
            "Status": app["status"],
            "Hostname": app["hostname"],
            "AppURL": app["appUrl"],
            "Machines": machines,
        }
    )


def releases(api: Api, options: Namespace) -> None:
    """`releases --json`."""
    nodes = api.query(
        "query($n: String!) { app(name: $n) { releases: releasesUnprocessed(first: 25) { nodes "
        "{ id version status description imageRef createdAt } } } }",
        n=options.app,
    )["app"]["releases"]
    show(
        [
            {
                "ID": n["id"],
                "Version": n["version"],
                "Status": n["status"],
                "Description": n["description"],
                "ImageRef": n["imageRef"],
                "CreatedAt": n["createdAt"],
            }
            for n in nodes["nodes"]
        ]
    )


def machines_list(api: Api, options: Namespace) -> None:
    """`machines list --json`."""
    show(api.v1("GET", f"/apps/{options.app}/machines", wrap="failed to list VMs"))


def machines_do(verb: str) -> Callable[[Api, Namespace], None]:
    """`machines start`, `restart`, `uncordon`: under the machine's lease."""

    def do(api: Api, options: Namespace) -> None:
        path = f"/apps/{options.app}/machines/{options.words[0]}"
        api.v1("GET", path)
        nonce = acquire(api, options.app, options.words[0], 120)
        try:
            api.v1("POST", f"{path}/{verb}" + ("?force_stop=false" if verb == "restart" else ""), nonce=nonce)
            if verb == "restart":
                await_state(api, path, "started", 300.0)
        finally:
            with contextlib.suppress(Failed):
                api.v1("DELETE", f"{path}/lease", nonce=nonce)

    return do


def scale_show(api: Api, options: Namespace) -> None:
    """`scale show --json`."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for machine in api.v1("GET", f"/apps/{options.app}/machines"):
        groups.setdefault(machine["config"]["metadata"]["fly_process_group"], []).append(machine)
    show(
        [
            {
                "Process": name,
                "Count": len(found),
                "CPUKind": "shared",
                "CPUs": found[0]["config"]["guest"]["cpus"],
                "Memory": found[0]["config"]["guest"]["memory_mb"],
                "Regions": {r: sum(m["region"] == r for m in found) for r in sorted({m["region"] for m in found})},
            }
            for name, found in sorted(groups.items())
        ]
    )


COMMANDS: dict[tuple[str, ...], Callable[[Api, Namespace], None]] = {
    ("version",): version,
    ("auth", "whoami"): whoami,
    ("orgs", "list"): orgs,
    ("apps", "list"): apps_list,
    ("apps", "create"): apps_create,
    ("apps", "destroy"): apps_destroy,
    ("secrets", "list"): secrets_list,
    ("secrets", "import"): secrets_import,
    ("secrets", "unset"): secrets_unset,
    ("secrets", "deploy"): restart,
    ("volumes", "list"): volumes_list,
    ("volumes", "create"): volumes_create,
    ("volumes", "extend"): volumes_extend,
    ("ips", "list"): ips_list,
    ("ips", "allocate-v4"): ips_allocate("v4"),
    ("ips", "allocate-v6"): ips_allocate("v6"),
    ("ips", "release"): ips_release,
    ("certs", "add"): certs_add,
    ("certs", "check"): certs_check,
    ("status",): status,
    ("releases",): releases,
    ("machines", "list"): machines_list,
    ("machines", "start"): machines_do("start"),
    ("machines", "restart"): machines_do("restart"),
    ("machines", "uncordon"): machines_do("uncordon"),
    ("scale", "show"): scale_show,
    ("scale", "count"): scale,
    ("deploy",): deploy,
}
