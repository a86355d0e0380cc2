"""The watch as it ships: its start script and package in a folder like the image's, on rules that act at once."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from tests.gateway.mail_server import MailServer
from tests.integration.gateway.harness import PACKAGE, SHIPPED_PYTHON

WAIT_S = 30.0


class WatchProcess:
    """What starts it, and the processes that were started: each stands for a machine.

    Args:
        every_s: seconds between its looks.
        master_key: the operator's at the gateway.
    """

    def __init__(self, *, redis_url: str, master_key: str, gateway_url: str, mail: MailServer, every_s: float) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="watch-")
        self.folder = folder = Path(self._temporary.name)
        self.running: list[subprocess.Popen[bytes]] = []
        (folder / "config").mkdir()
        shutil.copytree(PACKAGE / "bin", folder / "bin")
        (folder / "llm_gateway").symlink_to(PACKAGE / "llm_gateway")
        rules = tomllib.loads((PACKAGE / "config" / "watch.toml").read_text())["rules"]
        lines = ["gateways = 1", f"every_s = {every_s}", "clear_min = 0", "unseen_min = 0", "summary_hour = 24"]
        lines += ['name = "Shop"', 'sender = "watch@shop.example"', 'to = "ops@shop.example"', 'guide = "guide.md"']
        lines += ["redis_max_bytes = 1000000000", "[rules]"]
        lines += [f"{name} = {{ limit = {rule['limit']}, least = {rule['least']} }}" for name, rule in rules.items()]
        (folder / "config" / "watch.toml").write_text("\n".join(lines))
        self._redis_url, self._master_key, self._gateway_url, self._mail = redis_url, master_key, gateway_url, mail

    @property
    def environment(self) -> dict[str, str]:
        """What it is told, as all is now."""
        return {
            "PATH": "/usr/bin:/bin",
            "GATEWAY_PYTHON": str(SHIPPED_PYTHON),
            "GATEWAY_REDIS_URL": self._redis_url,
            "LITELLM_MASTER_KEY": self._master_key,
            "SMTP_URL": self._mail.url,
            "SSL_CERT_FILE": str(self._mail.certificate),
            "WATCH_GATEWAY": self._gateway_url,
        }

    @property
    def command(self) -> list[str]:
        return ["/bin/sh", str(self.folder / "bin" / "start-watch.sh")]

    def start(self) -> subprocess.Popen[bytes]:
        """Another machine."""
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(self.command, env=self.environment, stdout=log, stderr=log)
        self.running.append(process)
        return process

    def end(self, process: subprocess.Popen[bytes], signum: signal.Signals) -> int:
        """Its exit code."""
        process.send_signal(signum)
        self.running.remove(process)
        return process.wait(timeout=WAIT_S)

    def once(self, what: str = "--once") -> tuple[int, dict[str, Any]]:
        """The exit code and the answer of one call."""
        done = subprocess.run(
            [*self.command, what], env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def __enter__(self) -> WatchProcess:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.running:
            process.kill()
            process.wait()
        self._temporary.cleanup()
