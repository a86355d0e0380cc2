"""A shell in a machine, all of it real but the network between: flyctl asks for the certificate, an authority signs
it, an OpenSSH server trusts that authority, and Fabric goes in. Where the real flyctl is not installed, its command is
stood in for; the rest stays as it is."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ops.runbook.errors import RunbookError
from ops.targets.deployment import Deployment
from ops.targets.fly import ssh
from ops.targets.fly.target import Fly
from tests.flysim import binaries
from tests.lacking import lacking
from tests.services.real_servers import free_port, running, wait_for
from tests.targets.fly.support import GATEWAY, Site

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

pytestmark = [
    pytest.mark.skipif(not SSHD, reason=lacking("no OpenSSH server")),
    pytest.mark.skipif(os.geteuid() != 0, reason=lacking("only root can let root in", "")),
]


def quiet(text: str) -> None:
    """Progress nobody reads."""


class Authority:
    """A certificate authority, as Fly keeps one for each organisation."""

    def __init__(self, folder: Path) -> None:
        self.key = folder / "authority"
        self.asked: list[dict[str, Any]] = []
        _keygen("-t", "ed25519", "-N", "", "-C", "authority", "-f", str(self.key))

    def sign(self, input: dict[str, Any]) -> dict[str, str]:
        """What Fly's API answers when flyctl hands in its public key."""
        self.asked.append(input)
        public = self.key.with_name(f"asked-{len(self.asked)}.pub")
        public.write_text(input["publicKey"] + "\n")
        principals, hours = ",".join(input["principals"]), input["validHours"]
        _keygen("-s", str(self.key), "-I", "operator", "-n", principals, "-V", f"+{hours}h", str(public))
        return {"certificate": public.with_name(f"{public.stem}-cert.pub").read_text(), "key": ""}

    def issue(self, doing: str, *words: str) -> None:
        """What `flyctl ssh issue ORG PATH --hours N --username NAME` does, where there is no flyctl."""
        assert words[:2] == ("ssh", "issue")
        key, options = Path(words[3]), dict(zip(words[4::2], words[5::2], strict=True))
        _keygen("-t", "ed25519", "-N", "", "-f", str(key))
        asked = {"publicKey": key.with_suffix(".pub").read_text().strip(), "validHours": int(options["--hours"])}
        signed = self.sign({**asked, "principals": [options["--username"]]})
        Path(f"{key}-cert.pub").write_text(signed["certificate"])


@dataclass
class Machine:
    """The gateway's machine: its SSH server, and the deployment of an operator who can reach it."""

    deployment: Deployment
    fly: Fly
    authority: Authority
    trusted: Path
    log: Path

    def run(self, command: str) -> int:
        return ssh.run(self.fly.account, GATEWAY, "gateway", command, quiet)


@pytest.fixture
def machine(deployed: Site, tmp_path: Path) -> Iterator[Machine]:
    authority = Authority(tmp_path)
    trusted = tmp_path / "trusted.pub"
    shutil.copy(authority.key.with_suffix(".pub"), trusted)
    _keygen("-t", "ed25519", "-N", "", "-f", str(tmp_path / "host"))
    Path("/run/sshd").mkdir(exist_ok=True)  # where OpenSSH's server drops its rights
    port = free_port()
    config = tmp_path / "sshd_config"
    config.write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {tmp_path / 'host'}\nPidFile none\nTrustedUserCAKeys {trusted}\n"
        "AuthorizedKeysFile none\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n"
        "KbdInteractiveAuthentication no\nUsePAM no\nLogLevel VERBOSE\n"
    )
    # Whichever of the group's machines it is, here it is this one.
    gateways = [
        record["id"]
        for record in deployed.sim.state.apps[GATEWAY]["machines"].values()
        if record["config"]["metadata"]["fly_process_group"] == "gateway"
    ]
    reach = ",".join(f"{gateway}.vm.{GATEWAY}.internal:22=127.0.0.1:{port}" for gateway in gateways)
    deployment = deployed.deployment(RUNBOOK_FLY_REACH=reach)
    assert isinstance(deployment.target, Fly)
    mutations: Any = deployed.sim.graphql.mutations
    mutations.get_issueCertificate = authority.sign
    if binaries.real() is None:
        cli: Any = deployment.target.account.client.cli
        cli.run = authority.issue
    try:
        with running([str(SSHD), "-D", "-e", "-f", str(config)], tmp_path) as log:
            wait_for(lambda: "Server listening" in log.read_text(), "the SSH server")
            yield Machine(deployment, deployment.target, authority, trusted, log)
    finally:
        del mutations.get_issueCertificate


def _keygen(*words: str) -> None:
    subprocess.run(["ssh-keygen", "-q", *words], check=True, capture_output=True, timeout=30)


def test_a_command_runs_in_the_machine_as_root_and_its_exit_code_comes_back(
    machine: Machine, capfd: pytest.CaptureFixture[str]
) -> None:
    assert machine.run("id -un; exit 3") == 3
    assert "root" in capfd.readouterr().out
    assert machine.run("true") == 0
    (asked, _) = machine.authority.asked
    assert (asked["principals"], asked["validHours"]) == (["root"], 1)
    assert "Accepted publickey for root" in machine.log.read_text()


def test_nothing_of_the_certificate_stays_behind(machine: Machine) -> None:
    machine.run("true")
    state = machine.deployment.paths.state
    kept = [
        file.name for file in state.rglob("*") if file.is_file() and "PRIVATE KEY" in file.read_text(errors="replace")
    ]
    assert kept == []
    assert not list(state.glob("ssh-*"))


def test_a_machine_that_trusts_another_authority_lets_nobody_in(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    shutil.copy(other.key.with_suffix(".pub"), machine.trusted)
    with pytest.raises(RunbookError) as caught:
        machine.run("true")
    assert caught.value.code == "FLY-050"
    assert "Accepted" not in machine.log.read_text()
