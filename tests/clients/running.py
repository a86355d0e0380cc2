"""Runs the clients' programs: each once, with nothing set but what the cutover guide says, and keeps what they told."""

from __future__ import annotations

import base64
import json
import os
import shutil
import struct
import subprocess
import zlib
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ops import clients
from ops.cutover.frameworks import frameworks
from tests.clients.catalogue import Client
from tests.clients.stack import STACK, TEAM, Rehearsal

HERE = Path(__file__).parent
LONGEST_S = 240
TOO_LONG = {
    "message": "This model's maximum context length is 128000 tokens. However, your messages resulted in 131072 tokens.",
    "type": "invalid_request_error",
    "param": "messages",
    "code": "context_length_exceeded",
}
TOO_MANY = {
    "message": "Rate limit reached for gpt-4o-mini.",
    "type": "requests",
    "param": None,
    "code": "rate_limit_exceeded",
}


@dataclass(frozen=True)
class Told:
    """What a program told.

    Attributes:
        features: what each feature saw.
        asked: what reached the provider, path and body, oldest first.
        attempts: every other place that the client tried to reach, as `HOST:PORT`.
        said: what it wrote on standard error.
    """

    features: dict[str, Any]
    asked: list[dict[str, Any]]
    attempts: list[str] = field(default_factory=list)
    said: str = ""


def picture() -> str:
    """A small PNG, as a data: URL."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + b"\xff\x80\0" * 8 for _ in range(8)))
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(png).decode()


PICTURE = picture()


def guide(framework: str) -> dict[str, str]:
    """The settings that the cutover guide names for a framework, beside the key."""
    (found,) = frameworks(STACK, framework)
    return {variable.name: variable.value for variable in found.variables}


class Programs:
    """Runs programs side by side and remembers what they told.

    Args:
        rehearsal: a deployed one.
        folder: for what they need while they run.
    """

    def __init__(self, rehearsal: Rehearsal, folder: Path) -> None:
        self.rehearsal = rehearsal
        self.folder = folder
        self._pool = ThreadPoolExecutor(max_workers=os.cpu_count() or 1)
        self._told: dict[tuple[str, str], Future[Told]] = {}
        self._javascript: dict[str, Path] = {}
        for source in {path.name for path in (HERE / "js").iterdir()}:
            self._javascript[source] = self._beside_modules(source)

    def close(self) -> None:
        """Begin nothing more, and wait for those that run."""
        self._pool.shutdown(cancel_futures=True)

    def begin(self, client: Client, api: str) -> Future[Told]:
        """Have a client's program run in its turn, once."""
        if (client.id, api) not in self._told:
            self._told[client.id, api] = self._pool.submit(self._arranged, client, api)
        return self._told[client.id, api]

    def begin_limited(self, client: Client, team: str) -> Future[Told]:
        """Have it ask once more than the team's limit."""
        key = (client.id, team)
        if key not in self._told:
            own = {"OPENAI_API_KEY": self.rehearsal.key(team), "CLIENT_ONLY": "limited"}
            self._told[key] = self._pool.submit(self.run, client, "chat", own, f"limited-{team}")
        return self._told[key]

    def _arranged(self, client: Client, api: str) -> Told:
        def fault(feature: str, status: int, error: Mapping[str, Any], **more: Any) -> dict[str, Any]:
            marker = f"[{client.id}/{api}/{feature}]"
            return {"contains": marker, "status": status, "body": {"error": error}, **more}

        wait = {"retry-after": "1"}
        self.rehearsal.arrange(
            fault("too_long", 400, TOO_LONG),
            fault("too_many", 429, TOO_MANY, headers=wait),
            # The default model refuses, and so does the one it falls back to; the client's next try is answered.
            fault("waited", 429, TOO_MANY, headers=wait, count=2),
        )
        return self.run(client, api)

    def run(
        self, client: Client, api: str, own: Mapping[str, str] | None = None, name: str = "", without: str = ""
    ) -> Told:
        """Run a client's program to its end.

        Args:
            own: variables that differ from the guide's.
            name: tells this run's files from those of another of the same client.
            without: a variable of the guide's that is left out.

        Raises:
            AssertionError: it told nothing.
        """
        files = self.folder / f"{client.id}-{api}{name}"
        (files / "home").mkdir(parents=True)
        attempts = files / "attempts"
        given = {"OPENAI_API_KEY": self.rehearsal.key(TEAM), **guide(client.framework), **(own or {})}
        given.pop(without, None)
        base = f"https://{STACK.domains.gateway}"
        environment = {
            **given,
            "CLIENT": client.id,
            "CLIENT_API": api,
            "CLIENT_MODEL": STACK.models.default,
            "CLIENT_EMBEDDING": STACK.models.embedding,
            "CLIENT_BASES": json.dumps([f"{base}/v1", f"{base}/v1/", base, f"{base}/"]),
            "CLIENT_PICTURE": PICTURE,
            "CLIENTS_ROUTE": self.rehearsal.route,
            "CLIENTS_ATTEMPTS": str(attempts),
            "SSL_CERT_FILE": str(self.rehearsal.ca),
            "NODE_EXTRA_CA_CERTS": str(self.rehearsal.ca),
            "HOME": str(files / "home"),
            "PATH": os.environ["PATH"],
            "NODE_NO_WARNINGS": "1",
        }
        command: list[str | Path]
        if client.kind == "python":
            environment["PYTHONPATH"] = str(HERE / "guard")
            command = [clients.python(client.environment), HERE / "programs" / "python" / client.program]
        else:
            environment["NODE_OPTIONS"] = f"--require={HERE / 'guard' / 'guard.cjs'}"
            command = [clients.node(), self._javascript[client.environment] / client.program]
        done = subprocess.run(
            command, cwd=files, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=LONGEST_S, check=False,
        )  # fmt: skip
        lines = done.stdout.strip().splitlines()
        assert lines, f"{client.id} told nothing: {done.stderr[-3000:]}"
        asked = self.rehearsal.asked(f"[{client.id}/{api}/")
        tried = attempts.read_text().split() if attempts.exists() else []
        return Told(json.loads(lines[-1]), asked, tried, done.stderr)

    def _beside_modules(self, name: str) -> Path:
        """The JavaScript programs beside the packages they import: Node looks for those where the program lies."""
        folder = self.folder / "js" / name
        shutil.copytree(HERE / "programs" / "js", folder)
        (folder / "node_modules").symlink_to(clients.modules(name))
        return folder
