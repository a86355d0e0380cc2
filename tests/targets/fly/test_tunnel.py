"""The tunnel into the private network: opened by flyctl, gone afterwards, or not needed at all."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ops.runbook.errors import RunbookError
from ops.services.fly import agent
from ops.services.fly.cli import Flyctl
from ops.targets.fly.tunnel import tunnel
from tests.lacking import by_design

# Answers as `flyctl proxy` does: listens where it is told, and says in a file what it was told.
PROXY = """#!{python}
import os, socket, sys
open({note!r}, "w").write("\\n".join([str(os.getpid()), *sys.argv[1:]]))
if {fails!r}:
    sys.exit("Error: tunnel unavailable: failed probing the token-secret-in-text")
listener = socket.create_server(("127.0.0.1", int(sys.argv[2].split(":")[0])))
while True:
    there, _ = listener.accept()
    there.sendall(b"far end")
    there.close()
"""


def account(folder: Path, *, fails: bool = False, reach: str = "") -> Any:
    program = folder / "flyctl"
    program.write_text(PROXY.format(python=sys.executable, note=str(folder / "note"), fails=fails))
    program.chmod(0o755)
    cli = Flyctl(None, folder, binary=str(program), environ={"PATH": os.environ["PATH"]})
    return SimpleNamespace(
        client=SimpleNamespace(cli=cli),
        workspace=SimpleNamespace(environ={"RUNBOOK_FLY_REACH": reach} if reach else {}),
    )


def quiet(text: str) -> None:
    """Progress nobody reads."""


def read(address: str) -> bytes:
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), 5) as there:
        return there.recv(100)


def test_a_tunnel_leads_to_the_far_end_and_is_closed_afterwards(tmp_path: Path) -> None:
    with tunnel(account(tmp_path), "my-app", "my-app.internal", 9000, quiet) as address:
        assert read(address) == b"far end"
        pid, *words = (tmp_path / "note").read_text().split("\n")
    assert words[:3] == ["proxy", f"{address.rpartition(':')[2]}:9000", "my-app.internal"]
    assert "--watch-stdin" in words
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)
    with pytest.raises(ConnectionRefusedError):
        read(address)


def test_an_error_inside_closes_it_too(tmp_path: Path) -> None:
    def broken() -> None:
        raise ValueError

    with pytest.raises(ValueError), tunnel(account(tmp_path), "a", "a.internal", 9000, quiet):
        broken()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "note").read_text().split("\n")[0]), 0)


def test_a_tunnel_that_does_not_open_says_why(tmp_path: Path) -> None:
    with pytest.raises(RunbookError) as caught, tunnel(account(tmp_path, fails=True), "a", "a.internal", 1, quiet):
        pass
    assert caught.value.code == "FLY-046"
    assert "tunnel unavailable" in caught.value.why
    assert caught.value.next.startswith(f"FLY_CONFIG_DIR={tmp_path} ")


def test_a_folder_too_deep_for_the_agents_socket_is_said_so(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    with pytest.raises(RunbookError) as caught, tunnel(account(deep), "a", "a.internal", 1, quiet):
        pass
    assert "too long" in caught.value.what


def test_the_last_to_leave_stops_the_agent_and_wipes_its_log(tmp_path: Path) -> None:
    stops: list[str] = []

    def stop() -> None:
        stops.append("stop")
        (tmp_path / agent.SOCKET).unlink()

    def start() -> None:
        (tmp_path / agent.SOCKET).touch()
        (tmp_path / agent.LOGS).mkdir(exist_ok=True)

    with agent.needed(tmp_path, stop):
        start()
        with agent.needed(tmp_path, stop):
            agent.end_unneeded(tmp_path, stop)
        assert stops == []
        assert (tmp_path / agent.LOGS).is_dir()
    assert stops == ["stop"]
    assert not (tmp_path / agent.LOGS).exists()
    start()
    agent.end_unneeded(tmp_path, stop)
    assert stops == ["stop", "stop"]


# Listens as the agent does, and ends half a second after its socket is gone; or not at all.
AGENT = """
import os, signal, socket, sys, time
path, manner = sys.argv[1:]
listening = socket.socket(socket.AF_UNIX)
listening.bind(path)
listening.listen()

def end(*details):
    os.unlink(path)
    time.sleep(0.5)
    os._exit(0)

signal.signal(signal.SIGTERM, end if manner == "obeys" else signal.SIG_IGN)
print("ready", flush=True)
while True:
    signal.pause()
"""


@pytest.mark.skipif(sys.platform != "linux", reason=by_design("only Linux tells who listens on a socket"))
@pytest.mark.parametrize("manner", ["obeys", "does not obey"])
def test_an_agent_has_ended_when_the_tunnel_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, manner: str) -> None:
    """F0: it holds the token, so neither its slow end nor its disobedience is left alone."""
    if manner != "obeys":
        monkeypatch.setattr(agent, "STOP_S", 0.2)
    words = [sys.executable, "-c", AGENT, str(tmp_path / agent.SOCKET), manner]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            agent.end_unneeded(tmp_path, child.terminate)
            assert child.poll() is not None
        finally:
            child.kill()
    assert not (tmp_path / agent.SOCKET).exists()


def test_whoever_is_inside_already_needs_none(tmp_path: Path) -> None:
    with tunnel(account(tmp_path, reach="a.internal:9000=10.0.0.1:7"), "a", "a.internal", 9000, quiet) as address:
        assert address == "10.0.0.1:7"
    assert not (tmp_path / "note").exists()
