"""Runs the clients' programs: each once, with nothing set but what the cutover guide says, and keeps what they told."""

from __future__ import annotations

import base64
import json
import os
import shutil
import struct
import subprocess
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.cutover.frameworks import frameworks
from ops.development import clients
from tests.clients.catalogue import Client
from tests.clients.stack import STACK, Rehearsal

HERE = Path(__file__).parent
LONGEST_S = 900
TOO_LONG = {
    "message": "This model's maximum context length is 128000 tokens. However, you requested 131072 tokens.",
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
    """

    features: dict[str, Any]
    asked: list[dict[str, Any]]
    attempts: list[str]


def picture() -> str:
    """A small PNG, as a data: URL."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + b"\xff\x80\0" * 8 for _ in range(8)))
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(png).decode()


PICTURE = picture()
HOST = f"https://{STACK.domains.gateway}"
BASES = [f"{HOST}/v1", f"{HOST}/v1/", HOST, f"{HOST}/"]


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
        self._waiting = ThreadPoolExecutor()
        self._told: dict[tuple[str, str], Future[Told]] = {}
        self._javascript: dict[str, Path] = {}
        for source in {path.name for path in (HERE / "js").iterdir()}:
            self._javascript[source] = self._beside_modules(source)

    def close(self) -> None:
        """Begin nothing more, and wait for those that run."""
        for pool in (self._pool, self._waiting):
            pool.shutdown(cancel_futures=True)

    def begin(self, client: Client, api: str) -> Future[Told]:
        """Have a client's program run in its turn, once."""
        if (client.id, api) not in self._told:
            self._told[client.id, api] = self._pool.submit(self._arranged, client, api)
        return self._told[client.id, api]

    def begin_limited(self, client: Client, team: str) -> Future[Told]:
        """Have it ask once more than a team's limit in a minute, once; it mostly waits, so it takes no other's turn."""
        if (client.id, team) not in self._told:
            own = {"OPENAI_API_KEY": self.rehearsal.key(team)}
            self._told[client.id, team] = self._waiting.submit(self.run, client, "chat", ("limited",), team, own)
        return self._told[client.id, team]

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
        return self.run(client, api, client.shows(api))

    def run(
        self,
        client: Client,
        api: str,
        features: Sequence[str],
        name: str = "",
        own: Mapping[str, str] | None = None,
        without: str = "",
    ) -> Told:
        """Run a client's program to its end.

        Args:
            features: what it is to show.
            name: tells this run from another of the same client.
            own: variables that differ from the guide's.
            without: a variable of the guide's that is left out.

        Raises:
            AssertionError: it told nothing.
        """
        files = self.folder / "-".join(filter(None, (client.id, api, name)))
        (files / "home").mkdir(parents=True)
        attempts = files / "attempts"
        given = {"OPENAI_API_KEY": self.rehearsal.key(), **guide(client.guide), **(own or {})}
        given.pop(without, None)
        named = "-".join(filter(None, (client.id, name)))
        told_what = {
            "CLIENT": named,
            "CLIENT_API": api,
            "CLIENT_FEATURES": ",".join(features),
            "CLIENT_MODEL": STACK.models.default,
            "CLIENT_EMBEDDING": STACK.models.embedding,
            "CLIENT_BASES": json.dumps(BASES),
            "CLIENT_PICTURE": PICTURE,
            "CLIENTS_ROUTE": self.rehearsal.route,
            "CLIENTS_ATTEMPTS": str(attempts),
        }
        command, start = self._start(client)
        done = subprocess.run(
            command,
            cwd=files,
            env={"PATH": os.environ["PATH"], "HOME": str(files / "home"), **given, **told_what, **start},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=False,
        )
        lines = done.stdout.strip().splitlines()
        assert lines, f"{client.id} told nothing: {done.stderr[-3000:]}"
        tried = attempts.read_text().split() if attempts.exists() else []
        return Told(json.loads(lines[-1]), self.rehearsal.asked(f"[{named}/{api}/"), tried)

    def _start(self, client: Client) -> tuple[list[str | Path], dict[str, str]]:
        """The command that runs its program, and the variables by which it trusts the edge and is guarded."""
        ca = str(self.rehearsal.ca)
        if client.kind == "python":
            command = [clients.python(client.environment), HERE / "programs" / "python" / client.program]
            return command, {"SSL_CERT_FILE": ca, "PYTHONPATH": str(HERE / "guard")}
        guard = {"NODE_OPTIONS": f"--require={HERE / 'guard' / 'guard.cjs'}", "NODE_NO_WARNINGS": "1"}
        program = self._javascript[client.environment] / client.program
        return [clients.node(), program], {"NODE_EXTRA_CA_CERTS": ca, **guard}

    def _beside_modules(self, name: str) -> Path:
        """The JavaScript programs beside the packages they import: Node looks for those where the program lies."""
        folder = self.folder / "js" / name
        shutil.copytree(HERE / "programs" / "js", folder)
        (folder / "node_modules").symlink_to(clients.modules(name))
        return folder
