"""Redis, asked for real: what it is, what is wrong with it, what keeps us from asking."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.runbook.errors import RunbookError
from ops.runbook.secret import Secret
from ops.runbook.step import State
from ops.services import redis as service
from ops.services import redis_wire
from tests.services.real_servers import Valkey, free_port, valkey


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with valkey(tmp_path_factory.mktemp("valkey"), "maxmemory 250mb", "maxmemory-policy noeviction") as running:
        yield running


def refused(url: Secret, timeout: float = 2.0) -> RunbookError:
    with pytest.raises(RunbookError) as caught:
        service.look(url, timeout=timeout)
    return caught.value


def test_a_good_one_is_satisfying_and_says_what_it_is(server: Valkey) -> None:
    found = service.look(server.url, max_memory_mb=250)
    assert found.state is State.SATISFIED
    assert "noeviction" in found.evidence
    assert "of 250 MiB" in found.evidence
    assert server.password not in found.evidence


def test_a_look_writes_no_key(server: Valkey) -> None:
    service.look(server.url)
    assert service.facts(server.url).keys == 0


def test_eviction_and_another_size_are_drift(tmp_path: Path) -> None:
    with valkey(tmp_path, "maxmemory 100mb", "maxmemory-policy allkeys-lru") as other:
        found = service.look(other.url, max_memory_mb=250)
    assert found.state is State.DRIFTED
    assert found.diff == "eviction policy: allkeys-lru → noeviction\nmemory: 100 MiB → 250 MiB"


@pytest.mark.parametrize("userinfo", ["default:wrong-password@", ":wrong-password@", "", "nobody:wrong-password@"])
def test_a_wrong_or_missing_password_is_named(server: Valkey, userinfo: str) -> None:
    error = refused(Secret(f"redis://{userinfo}127.0.0.1:{server.port}"))
    assert error.code == "REDIS-001"
    assert "wrong-password" not in f"{error.what} {error.why} {error.next}"


def test_nobody_there_is_named() -> None:
    assert refused(Secret(f"redis://default:some-password@127.0.0.1:{free_port()}")).code == "REDIS-003"
    assert refused(Secret("redis://default:some-password@cache.invalid:6379")).code == "REDIS-003"


def test_silence_is_cut_short() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        assert refused(Secret(f"redis://:some-password@127.0.0.1:{silent.getsockname()[1]}"), 0.3).code == "REDIS-002"


def test_a_server_that_loads_is_to_be_asked_again() -> None:
    with socket.socket() as loading:
        loading.bind(("127.0.0.1", 0))
        loading.listen()

        def answer() -> None:
            connection, _ = loading.accept()
            with connection:
                while connection.recv(4096):
                    connection.sendall(b"-LOADING Redis is loading the dataset in memory\r\n" * 4)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        assert refused(Secret(f"redis://127.0.0.1:{loading.getsockname()[1]}")).code == "REDIS-004"
        thread.join(5)


@pytest.mark.parametrize(
    "url", ["http://host", "redis://", "redis://:pass@host:port", "unix:///tmp/x", "some-password"]
)
def test_what_is_no_redis_url_is_named_and_not_quoted(url: str) -> None:
    error = refused(Secret(url))
    assert error.code == "REDIS-005"
    assert "some-password" not in str(error)


def test_what_a_managed_service_does_not_tell_is_said_to_be_untold(
    server: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = "# Server\r\nredis_version:7.2.0\r\nmaxmemory:unlimited\r\n"
    monkeypatch.setattr(redis_wire, "ask", lambda *asked, timeout: [info, 3])
    found = service.look(server.url, max_memory_mb=250)
    assert found.state is State.SATISFIED
    assert "not told" in found.evidence


def test_an_old_server_is_drift(server: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    info = "redis_version:5.0.14\r\nmaxmemory_policy:noeviction\r\n"
    monkeypatch.setattr(redis_wire, "ask", lambda *asked, timeout: [info, 3])
    assert service.look(server.url).diff == "version: 5.0.14 → 6.2 or newer"


def test_answers_come_one_for_each_command_and_a_refused_one_is_named(server: Valkey) -> None:
    """Also those that need more than one packet, and arguments with any bytes."""
    long, odd = "x" * 1_000_000, "a b\r\n$1\r\n'\"\u20ac"
    script = "return {ARGV[1], ARGV[2]}"
    answers = redis_wire.ask(server.url, ("PING",), ("EVAL", script, "0", long, odd), ("DBSIZE",), timeout=10)
    assert answers == ["PONG", [long, odd], 0]
    with pytest.raises(redis_wire.Refused, match=r"^ERR unknown command"):
        redis_wire.ask(server.url, ("NO-SUCH",), timeout=10)


def test_another_protocol_is_no_redis() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()

        def answer() -> None:
            connection, _ = other.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        assert refused(Secret(f"redis://127.0.0.1:{other.getsockname()[1]}")).code == "REDIS-003"
