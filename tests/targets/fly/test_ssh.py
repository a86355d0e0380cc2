"""A shell in a machine: Fabric with a certificate of a real authority, against a real SSH server on loopback."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import asyncssh
import pytest

from ops.runbook.errors import RunbookError
from ops.targets.fly import ssh
from ops.targets.fly.seen import Seen

APP, MACHINE = "my-app", "9185ab"


class Server:
    """An SSH server that lets in whoever shows a certificate of its authority for root, and echoes commands."""

    def __init__(self) -> None:
        self.authority = asyncssh.generate_private_key("ssh-ed25519")
        self.commands: list[str] = []
        self.port = 0
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(10)

    def _serve(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(self._listen())
        self.port = self._server.sockets[0].getsockname()[1]
        ready.set()
        self._loop.run_forever()
        self._server.close()
        self._loop.run_until_complete(self._server.wait_closed())
        self._loop.close()

    async def _listen(self) -> Any:
        trusted = b"cert-authority " + self.authority.export_public_key()

        async def handle(process: Any) -> None:
            self.commands.append(process.command)
            process.stdout.write("hello\n")
            process.exit(int(process.command.rpartition(" ")[2]) if process.command.startswith("exit ") else 0)

        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
            authorized_client_keys=asyncssh.import_authorized_keys(trusted.decode()),
            process_factory=handle,
        )

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


@dataclass
class Account:
    """As much of an account as a shell needs; `flyctl ssh issue` signs with `authority`."""

    state: Path
    port: int
    authority: Any
    principal: str = "root"
    issued: list[tuple[str, ...]] = field(default_factory=list)
    org = "personal"

    @property
    def workspace(self) -> Any:
        reach = f"{MACHINE}.vm.{APP}.internal:22=127.0.0.1:{self.port}"
        return SimpleNamespace(environ={"RUNBOOK_FLY_REACH": reach})

    @property
    def client(self) -> Any:
        return SimpleNamespace(cli=SimpleNamespace(state=self.state / "flyctl", run=self._issue))

    def machines(self, app: str) -> list[Seen]:
        metadata = {"fly_process_group": "gateway"}
        return [Seen.read({"id": MACHINE, "state": "started", "config": {"metadata": metadata}})]

    def _issue(self, doing: str, *words: str) -> None:
        self.issued.append(words)
        key = asyncssh.generate_private_key("ssh-ed25519")
        signed = self.authority.generate_user_certificate(key, "operator", principals=[self.principal])
        path = Path(words[3])
        key.write_private_key(str(path))
        signed.write_certificate(f"{path}-cert.pub")


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.stop()


def account(server: Server, folder: Path, **more: Any) -> Any:
    return Account(folder, server.port, more.pop("authority", server.authority), **more)


def quiet(text: str) -> None:
    """Progress nobody reads."""


def test_a_command_runs_in_the_machine_and_its_exit_code_comes_back(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = account(server, tmp_path)
    assert ssh.run(place, APP, "gateway", "df -h", quiet) == 0
    assert ssh.run(place, APP, "gateway", "exit 3", quiet) == 3
    assert server.commands == ["df -h", "exit 3"]
    assert "hello" in capsys.readouterr().out
    assert place.issued[0][:3] == ("ssh", "issue", "personal")
    assert "1" in place.issued[0]


def test_the_key_and_its_certificate_are_gone_afterwards(server: Server, tmp_path: Path) -> None:
    ssh.run(account(server, tmp_path), APP, "gateway", "true", quiet)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", ["authority", "principal"])
def test_a_certificate_of_another_authority_or_for_another_user_is_refused(
    server: Server, tmp_path: Path, wrong: str
) -> None:
    other = {"authority": asyncssh.generate_private_key("ssh-ed25519")} if wrong == "authority" else {"principal": "x"}
    with pytest.raises(RunbookError) as caught:
        ssh.run(account(server, tmp_path, **other), APP, "gateway", "true", quiet)
    assert caught.value.code == "FLY-050"
    assert server.commands == []
    assert list(tmp_path.iterdir()) == []


def test_a_group_without_machines_is_said_to_have_none(server: Server, tmp_path: Path) -> None:
    with pytest.raises(RunbookError) as caught:
        ssh.run(account(server, tmp_path), APP, "worker", "true", quiet)
    assert caught.value.code == "FLY-012"
