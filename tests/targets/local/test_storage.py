"""How the object store is run."""

from __future__ import annotations

from pathlib import Path

from ops.targets.local import storage
from ops.targets.local.ports import NAMES, STORAGE
from tests.targets.local import support


def command(tmp_path: Path) -> tuple[str, ...]:
    layout = support.local(support.deployment(tmp_path)).layout
    return storage.program(layout, {name: 20000 + number for number, name in enumerate(NAMES)}, "bucket").command


def test_it_listens_on_loopback_only(tmp_path: Path) -> None:
    assert {"-ip=127.0.0.1", "-ip.bind=127.0.0.1"} <= set(command(tmp_path))


def test_it_tells_nobody_about_its_use_and_opens_nothing_that_is_not_needed(tmp_path: Path) -> None:
    off = {"-master.telemetry=false", "-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0"}
    assert off <= set(command(tmp_path))


def test_every_port_it_opens_is_one_of_its_reserved_ports(tmp_path: Path) -> None:
    reserved = {str(20000 + NAMES.index(name)) for name in STORAGE}
    given = {word.rpartition("=")[2] for word in command(tmp_path) if ".port" in word}
    assert given - {"0"} == reserved


def test_no_secret_stands_on_its_command_line(tmp_path: Path) -> None:
    deployment = support.deployment(tmp_path)
    support.fill_vault(deployment)
    line = " ".join(storage.program(support.local(deployment).layout, {}, "bucket").command)
    assert not any(deployment.vault.get(name).reveal() in line for name in deployment.vault.names())
