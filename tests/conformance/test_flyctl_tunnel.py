"""The tunnel with the real binary: its agent, its peer, and its gateway, which is where the simulated account ends."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ops.runbook.errors import RunbookError
from ops.services.fly import Fly, agent
from ops.targets.fly import ssh
from ops.targets.fly.tunnel import tunnel
from tests.conformance.conftest import client
from tests.conformance.test_flyctl_secrecy import files_with, processes_of
from tests.flysim import binaries
from tests.flysim.server import FlySim


@pytest.fixture
def real(sim: FlySim, tmp_path: Path) -> Fly:
    """A client of the real flyctl: the double knows no private network, and does not act as if."""
    found = binaries.real()
    if found is None:
        pytest.skip(binaries.WHY_NOT)
    made = client(sim, found, tmp_path / "f")
    made.create_app("one", "personal")
    return made


def opened(fly: Fly) -> Any:
    """`flyctl proxy` on the simulated account, through the very code that production uses."""
    place: Any = SimpleNamespace(client=SimpleNamespace(cli=fly.cli), workspace=SimpleNamespace(environ={}))
    return tunnel(place, "one", "one.internal", 9000, lambda text: None)


def test_f0_the_proxy_gets_as_far_as_wireguard(real: Fly, sim: FlySim) -> None:
    """F0: its agent starts, and a peer with a key of its own is known to the account."""
    with pytest.raises(RunbookError) as caught, opened(real):
        pass
    assert caught.value.code == "FLY-046"
    assert "127.0.0.1:443" in caught.value.why, "the gateway is the first thing that is not there"
    assert [len(peer["pubkey"]) for peer in sim.state.peers] == [44]
    with pytest.raises(RunbookError), opened(real):
        pass
    assert len(sim.state.peers) == 1, "the peer is kept for the next tunnel"


def test_f0_the_agent_ends_with_the_tunnel_and_leaves_no_secret(real: Fly, sim: FlySim) -> None:
    """F0: only request bodies' log folder is blocked; what the agent wrote goes when it ends."""
    state = real.cli.state
    (state / "logs").unlink(missing_ok=True)
    (state / agent.LOGS).write_text("as an older runbook left it")
    with pytest.raises(RunbookError), opened(real):
        pass
    assert (state / "logs").read_bytes() == b""
    assert not (state / agent.LOGS).exists()
    assert not (state / agent.SOCKET).exists()
    assert processes_of(state) == []
    assert files_with(state, [sim.token]) == []


def test_f0_a_tunnel_that_is_open_keeps_the_agent_from_other_commands(real: Fly, sim: FlySim) -> None:
    """F0: another call of flyctl in the same folder does not end it."""
    with real.cli.with_agent():
        with pytest.raises(RunbookError), opened(real):
            pass
        real.whoami()
        assert processes_of(real.cli.state) != []
    assert processes_of(real.cli.state) == []


def test_f0_an_agent_left_by_a_killed_run_ends_with_the_next_command(real: Fly, sim: FlySim) -> None:
    """F0: whatever was killed in between, no process keeps the token for good."""
    from ops.runbook import proc

    run = [real.cli.find(), "proxy", "0:1", "one.internal", "-a", "one"]
    proc.run(run, env=real.cli.environment(), cwd=real.cli.state, check=False)
    assert processes_of(real.cli.state) != []
    real.whoami()
    assert processes_of(real.cli.state) == []


def test_f0_a_certificate_for_ssh_is_issued_for_an_hour_and_gone_afterwards(real: Fly, sim: FlySim) -> None:
    """F0: by the very code that production uses; who lets the certificate in is tried in tests/integration/fly."""
    asked: list[dict[str, Any]] = []
    mutations: Any = sim.graphql.mutations

    def sign(input: dict[str, Any]) -> dict[str, str]:
        asked.append(input)
        return {"certificate": "ssh-ed25519-cert-v01@openssh.com AAAA", "key": ""}

    mutations.get_issueCertificate = sign
    place: Any = SimpleNamespace(client=SimpleNamespace(cli=real.cli), org="personal")
    with ssh.credential(place) as key:
        assert "PRIVATE KEY" in key.read_text()
        assert key.stat().st_mode & 0o077 == 0
        assert Path(f"{key}-cert.pub").read_text().startswith("ssh-ed25519-cert-v01@openssh.com AAAA")
    assert [(call["principals"], call["validHours"]) for call in asked] == [(["root"], 1)]
    assert not key.parent.exists()
