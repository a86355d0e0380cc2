"""The stand-in for Langfuse as a process, which can be away for a while."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx

from tests.gateway.valkey_server import free_port
from tests.integration.gateway.harness import ROOT, wait_until

MOST_KEPT = 1_000_000


class LangfuseProcess:
    """On one address, and with one state, for all its lives. `public` and `secret` are the project's keys."""

    def __init__(self, public: str, secret: str, port: int | None = None) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = tempfile.TemporaryDirectory(prefix="langfuse-")
        self._environment = {"PATH": os.environ["PATH"], "LANGFUSE_PUBLIC_KEY": public, "LANGFUSE_SECRET_KEY": secret}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> LangfuseProcess:
        """Start it and wait until it answers."""
        command = [sys.executable, "-m", "ops.standins.langfuse", "--port", str(self.port)]
        command += ["--state", self._folder.name, "--visibility-delay", "0", "--keep", str(MOST_KEPT)]
        with (Path(self._folder.name) / "log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, env=self._environment, stdout=log, stderr=log)
        wait_until(self._healthy, 30)
        return self

    def stop(self) -> None:
        """Be gone: connections are refused from now on."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=30)
            self._process = None

    def __enter__(self) -> LangfuseProcess:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._folder.cleanup()

    def _healthy(self) -> bool:
        try:
            return httpx.get(f"{self.url}/api/public/health").status_code == 200
        except httpx.HTTPError:
            return False
