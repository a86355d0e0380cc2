"""`python -m llm_gateway`: one gateway process. `--check` only says whether it could start."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import uvicorn
import uvloop

from . import startup
from .config import load
from .environment import log_level, read
from .settings import ConfigError
from .teams import Teams

DEFAULT_UPSTREAM = "https://api.openai.com/v1"


def main(arguments: list[str]) -> int:
    """Run until SIGTERM or SIGINT. Returns the exit code: 0 stopped cleanly, 2 cannot start as configured."""
    # LiteLLM reads it by this name from the environment, so the default has to stand there.
    if not os.environ.get("UPSTREAM_OPENAI_BASE_URL"):
        os.environ["UPSTREAM_OPENAI_BASE_URL"] = DEFAULT_UPSTREAM
    try:
        logging.basicConfig(level=log_level(os.environ), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(check="--check" in arguments))
    except ConfigError as error:
        print(f"llm_gateway: {error}", file=sys.stderr)
        return 2
    return 0


async def _run(*, check: bool) -> None:
    path = os.environ.get("CONFIG_FILE_PATH")
    if not path:
        raise ConfigError("CONFIG_FILE_PATH is not set")
    config = load(Path(path))
    environment = read(config, os.environ)
    teams = Teams(config, os.environ)

    # These take seconds: what is wrong with the settings has been said by now.
    startup.prepare()
    from .app import App
    from .gateway import Gateway
    from .protocol import Protocol

    gateway = Gateway(config, environment, teams)
    if check:
        return
    server = _Server(
        uvicorn.Config(
            App(gateway, metrics_port=environment.metrics_port),
            http=Protocol,
            ws="none",
            access_log=False,
            proxy_headers=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=environment.drain_s,
            timeout_keep_alive=75,
            lifespan="on",
        )
    )
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, server.stop)
    # The port is taken first, so that one in use is known at once; the server listens on it when it can answer.
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(_taken(environment.host, environment.port))
        others = []
        if environment.metrics_port is not None:
            others.append(stack.enter_context(_taken(environment.host, environment.metrics_port)))
        await gateway.warm()
        startup.settle()
        await server.serve(sockets=[port, *others])


class _Server(uvicorn.Server):
    """uvicorn's own signal handling dies of the signal before everything is flushed; ours only asks it to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        self.should_exit = True


def _taken(host: str | None, port: int) -> socket.socket:
    """A bound socket, not listening yet: on the given address, else on all of them, IPv6 and IPv4 alike."""
    try:
        return _bound(host, port)
    except OSError as error:
        raise ConfigError(f"cannot listen on port {port}: {error.strerror}") from error


def _bound(host: str | None, port: int) -> socket.socket:
    both = socket.has_dualstack_ipv6()
    everywhere = "::" if both else "0.0.0.0"  # noqa: S104  (its purpose)
    family, kind, _, _, address = socket.getaddrinfo(host or everywhere, port, type=socket.SOCK_STREAM)[0]
    made = socket.socket(family, kind)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host is not None))
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
