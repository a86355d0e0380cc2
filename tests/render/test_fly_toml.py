from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from ops.description.stack import Stack
from ops.render import render_all
from ops.validate import fly_toml
from tests.render.support import SECOND_STACK_FILE, STACK_FILE, stack

EXTRA_SERVICE = """
[[services]]
processes = ["gateway"]
protocol = "tcp"
internal_port = 4000
[[services.ports]]
port = 443
handlers = ["tls", "http"]
"""


def rendered(described: Stack, name: str = "fly.toml") -> str:
    return render_all(described)[name]


@pytest.mark.parametrize("file", [STACK_FILE, SECOND_STACK_FILE], ids=["first", "second"])
def test_what_is_rendered_is_without_fault(file: Path) -> None:
    described = stack(file)
    assert fly_toml.gateway(rendered(described), described) == []
    assert fly_toml.private(rendered(described, "clickhouse/fly.toml"), described.clickhouse.app) == []


def test_the_watch_is_a_group_where_it_is_on_and_a_fault_where_it_is_not() -> None:
    described = stack()
    watched = stack(WATCH__ON="true")
    assert fly_toml.gateway(rendered(watched), watched) == []
    assert any("watch" in fault for fault in fly_toml.gateway(rendered(watched), described))
    assert any("watch" in fault for fault in fly_toml.gateway(rendered(described), watched))


def test_the_object_stores_app_is_without_fault() -> None:
    assert fly_toml.private(rendered(stack(), "minio/fly.toml"), stack().storage.app) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("force_https", "force_htps", "services.ports.force_htps: there is no such key"),
        ("kill_signal", "kill_sgnal", "kill_sgnal: there is no such key"),
        ("kill_timeout = 60", "kill_timeout = 900", "kill_timeout: 1 to 300 seconds"),
        ('app = "hotdash-llm-gateway"', 'app = "other"', "app: 'other', but the stack says"),
        ("internal_port = 8080", "internal_port = 8081", "services: port 8081, but the stack says 8080 for edge"),
        ("port = 4000", "port = 4001", "checks.gateway: port 4001, but the stack says 4000 for gateway"),
        ('processes = ["edge"]\nprotocol', 'processes = ["ui"]\nprotocol', "services: ui must not be public"),
        ('processes = ["edge"]\nprotocol', "protocol", "services: which group is it for?"),
        ('[[restart]]\npolicy = "always"\nprocesses = ["ui"]\n', "", "restart: 0 for ui, one is needed"),
        ('policy = "always"\nprocesses = ["ui"]', 'policy = "always"\nprocesses = ["uj"]', "there is no group 'uj'"),
        ('policy = "always"', 'policy = "on-failure"', "restart: a process that ends cleanly would stay down"),
        ('memory = "256mb"', 'memory = "300mb"', "vm edge: memory is a multiple of 256 MB"),
        ('memory = "2048mb"', 'memory = "4096mb"', "vm gateway: 4096 MB is more than 2048 MB for each shared CPU"),
        ("[env]\n", '[env]\nADMIN_KEY = "x"\n', "env.ADMIN_KEY: looks like a secret"),
        ("[env]\n", '[env]\nCACHE = "redis://u:p@host:1"\n', "env.CACHE: looks like a secret"),
        ("[env]\n", "[env]\nNUMBER = 1\n", "env.NUMBER: text is needed"),
        ("port = 443", "port = 8443", "nobody serves ports 80 and 443"),
        ("[processes]", "[processes]\nextra = 'x'", "processes: edge, extra, gateway, ui, worker instead of"),
        ("[build]", "[build", "not TOML"),
    ],
)
def test_each_fault_is_found(old: str, new: str, fault: str) -> None:
    text = rendered(stack())
    assert old in text
    found = fly_toml.gateway(text.replace(old, new, 1), stack())
    assert any(fault in line for line in found), found


def test_an_external_port_served_by_two_groups_is_found() -> None:
    found = fly_toml.gateway(rendered(stack()) + EXTRA_SERVICE, stack())
    assert "services: external port 443 is served by edge and gateway" in found
    assert "services: gateway must not be public, only edge is" in found


def test_a_range_of_ports_counts_as_each_of_them() -> None:
    service = EXTRA_SERVICE.replace("port = 443", "start_port = 440\nend_port = 450")
    assert "services: external port 443 is served by edge and gateway" in fly_toml.gateway(
        rendered(stack()) + service, stack()
    )


def test_a_store_that_is_public_or_has_no_volume_is_found() -> None:
    text = rendered(stack(), "clickhouse/fly.toml")
    data = tomllib.loads(text)
    assert "services" not in data
    public = text + "\n[http_service]\ninternal_port = 8123\n"
    assert any("must not be reachable" in fault for fault in fly_toml.private(public, data["app"]))
    bare = text.replace("[[mounts]]", "[[files]]")
    assert any("exactly one volume" in fault for fault in fly_toml.private(bare, data["app"]))


def test_only_the_edge_is_public() -> None:
    data = tomllib.loads(rendered(stack()))
    assert [service["processes"] for service in data["services"]] == [["edge"]]
