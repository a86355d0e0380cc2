"""A TCP tunnel to a port in Fly's private network by `flyctl proxy`; a direct connection where we are in it already."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ops.runbook import proc
from ops.runbook.errors import RunbookError
from ops.runbook.interrupt import wait_until
from ops.runbook.secret import redactor
from ops.runbook.step import Say
from ops.services.fly import agent

if TYPE_CHECKING:
    from ops.services.fly.cli import Flyctl
    from ops.targets.fly.account import Account

# `HOST:PORT=ADDRESS:PORT`, separated by commas: reached so instead of through a tunnel.
REACH = "RUNBOOK_FLY_REACH"
OPEN_S = 60.0


@contextlib.contextmanager
def tunnel(account: Account, app: str, host: str, port: int, say: Say) -> Iterator[str]:
    """`ADDRESS:PORT` on this machine that leads to a port inside the private network, while inside.

    Args:
        app: whose organisation's network.
        host: a name there, e.g. ``my-app.internal``.

    Raises:
        RunbookError: FLY-046 the tunnel does not open.
    """
    straight = _reach(account.workspace.environ.get(REACH, "")).get(f"{host}:{port}")
    if straight:
        yield straight
        return
    say(f"opening a tunnel to {host}:{port}")
    with account.client.cli.with_agent():
        yield from _proxied(account.client.cli, app, host, port, say)


def _proxied(cli: Flyctl, app: str, host: str, port: int, say: Say) -> Iterator[str]:
    here = f"FLY_CONFIG_DIR={cli.state} {cli.binary}"  # the peer is in this folder, not in the operator's own
    if not agent.socket_fits(cli.state):
        raise RunbookError(
            "FLY-046",
            f"the tunnel to {host} cannot open: the path of {cli.state} is too long for a socket",
            next="move the checkout to a shorter path, then the same command again",
        )
    local = _free_port()
    words = cli.words("proxy", f"{local}:{port}", host, "-a", app, "-q", "-b", "127.0.0.1", "--watch-stdin")
    # flyctl ends by itself when this process does: its standard input is then closed.
    child = subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=cli.environment(),
        cwd=cli.state,
        start_new_session=True,
    )
    try:
        wait_until(
            lambda: child.poll() is not None or _answers(local),
            what=f"the tunnel to {host}",
            timeout=OPEN_S,
            say=say,
            code="FLY-046",
            next=f"let this network reach Fly's gateways (a websocket on TCP 443), or by UDP 51820: {here} "
            "wireguard websockets disable",
        )
        if child.poll() is not None:
            said = child.stdout.read().decode(errors="replace") if child.stdout else ""
            raise RunbookError(
                "FLY-046",
                f"the tunnel to {host} ended at once",
                why=redactor("\n".join(said.strip().splitlines()[-3:])),
                next=f"{here} wireguard reset, then the same command again",
            )
        yield f"127.0.0.1:{local}"
    finally:
        proc.stop_group(child)
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def _reach(text: str) -> dict[str, str]:
    pairs = (part.split("=", 1) for part in text.split(",") if "=" in part)
    return {name.strip(): address.strip() for name, address in pairs}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
