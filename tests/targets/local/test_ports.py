"""Ports are picked once, remembered, and never changed where somebody depends on them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.runbook.errors import RunbookError
from ops.targets.local import ports
from ops.targets.local.ports import NAMES, Ports


@pytest.fixture
def picked(tmp_path: Path) -> Ports:
    return Ports(tmp_path / "private" / "ports.json")


@pytest.fixture
def stranger() -> Iterator[socket.socket]:
    with socket.socket() as listener:
        yield listener


def occupy(listener: socket.socket, port: int) -> None:
    listener.bind(("127.0.0.1", port))
    listener.listen()


def test_a_port_is_the_same_at_every_asking(picked: Ports) -> None:
    first = picked.get("redis")
    assert picked.get("redis") == first
    assert Ports(picked.file).get("redis") == first


def test_all_ports_differ_and_lie_below_those_of_outgoing_connections(picked: Ports) -> None:
    found = picked.reserve(ports.NAMES)
    assert len(set(found.values())) == len(ports.NAMES)
    followers = {"storage_admin_grpc"}
    assert all(ports.LOWEST <= port <= ports.HIGHEST for name, port in found.items() if name not in followers)


def test_the_admin_servers_second_port_follows_its_first(picked: Ports) -> None:
    found = picked.reserve(["storage_admin_grpc", "storage_admin"])
    assert found["storage_admin_grpc"] == found["storage_admin"] + 10000


def test_peeking_picks_nothing(picked: Ports) -> None:
    assert picked.peek("redis") == 0
    assert not picked.file.exists()


def test_a_port_others_refer_to_is_not_changed_when_a_stranger_takes_it(picked: Ports, stranger: socket.socket) -> None:
    port = picked.get("postgres")
    occupy(stranger, port)
    with pytest.raises(RunbookError) as caught:
        picked.check_free("postgres")
    assert caught.value.code == "LOCAL-003"
    assert str(port) in caught.value.what
    assert picked.get("postgres") == port


def test_a_port_nobody_refers_to_is_picked_anew_when_a_stranger_takes_it(
    picked: Ports, stranger: socket.socket
) -> None:
    before = picked.reserve(["gateway", "redis"])
    occupy(stranger, before["gateway"])
    picked.check_free("gateway")
    after = picked.known()
    assert after["gateway"] != before["gateway"]
    assert after["redis"] == before["redis"]


def test_a_port_taken_on_ipv6_alone_is_not_free(stranger: socket.socket) -> None:
    with socket.socket(socket.AF_INET6) as listener:
        try:
            listener.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6 loopback")
        listener.listen()
        assert not ports.is_free(listener.getsockname()[1])


def test_a_file_of_something_else_is_refused_by_name(picked: Ports) -> None:
    picked.get("redis")
    picked.file.write_text("[1, 2]")
    with pytest.raises(RunbookError) as caught:
        picked.known()
    assert caught.value.code == "LOCAL-002"
    assert str(picked.file) in caught.value.what


def test_steps_that_pick_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    for round_ in range(20):
        ports = Ports(tmp_path / f"ports{round_}.json")
        threads = [threading.Thread(target=ports.get, args=(name,)) for name in NAMES]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(ports.known()) == set(NAMES)
        assert len(set(ports.known().values())) == len(NAMES)
