"""The plain forward hands bytes both ways, on both loopback addresses."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.runbook.interrupt import wait_until
from ops.targets.local.pooler import FORWARD
from ops.targets.local.ports import Ports, has_ipv6, is_open


@pytest.fixture
def shouting() -> Iterator[int]:
    """A server that reads to the end and answers in capitals."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    text = b"".join(iter(lambda: connection.recv(65536), b""))  # noqa: B023 - used at once
                    connection.sendall(text.upper())

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.fixture
def forwarded(tmp_path: Path, shouting: int) -> Iterator[int]:
    port = Ports(tmp_path / "ports.json").get("pooler")
    command = [sys.executable, "-I", "-S", str(FORWARD), "--listen", str(port), "--to", str(shouting)]
    with subprocess.Popen(command) as child:
        try:
            wait_until(lambda: is_open(port), what="the forward", timeout=10)
            yield port
        finally:
            child.terminate()
            assert child.wait(5) == 0


def talk(host: str, port: int, text: bytes) -> bytes:
    with socket.create_connection((host, port), timeout=5) as connection:
        connection.sendall(text)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_what_is_sent_arrives_and_what_is_answered_comes_back(forwarded: int) -> None:
    assert talk("127.0.0.1", forwarded, b"hello" * 100_000) == b"HELLO" * 100_000


def test_it_listens_on_ipv6_too(forwarded: int) -> None:
    if not has_ipv6():
        pytest.skip("this machine has no IPv6 loopback")
    assert talk("::1", forwarded, b"hello") == b"HELLO"


def test_a_connection_ends_when_nobody_is_behind(tmp_path: Path) -> None:
    ports = Ports(tmp_path / "ports.json").reserve(["pooler", "postgres"])
    command = [
        sys.executable,
        "-I",
        "-S",
        str(FORWARD),
        "--listen",
        str(ports["pooler"]),
        "--to",
        str(ports["postgres"]),
    ]
    with subprocess.Popen(command) as child:
        try:
            wait_until(lambda: is_open(ports["pooler"]), what="the forward", timeout=10)
            assert talk("127.0.0.1", ports["pooler"], b"hello") == b""
        finally:
            child.terminate()
