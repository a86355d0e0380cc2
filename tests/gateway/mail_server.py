"""A real SMTP server over TLS in a process of its own (the rehearsal's), which a test may stop and start."""

from __future__ import annotations

import email
import email.policy
import secrets
import socket
import subprocess
import tempfile
import time
from email.message import EmailMessage
from pathlib import Path

from tests.gateway.valkey_server import free_port

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-dev" / "bin" / "python"
READY_S = 20.0


class MailServer:
    """Takes mail for one user; keeps it over a stop."""

    def __init__(self) -> None:
        self.port = free_port()
        self.password = secrets.token_hex(16)
        self._folder = tempfile.TemporaryDirectory(prefix="smtp-")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"smtps://watch:{self.password}@localhost:{self.port}"

    @property
    def certificate(self) -> Path:
        """Of its authority, for SSL_CERT_FILE."""
        return Path(self._folder.name) / "certificate.pem"

    def start(self) -> MailServer:
        """Start it and wait until it listens."""
        command = [str(PYTHON), "-m", "ops.standins.smtp", "--port", str(self.port), "--state", self._folder.name]
        environment = {"PATH": "/usr/bin:/bin", "SMTP_STANDIN_PASSWORD": self.password}
        self._process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + READY_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                assert self._process.poll() is None, "the mail server ended"
                assert time.monotonic() < deadline, "the mail server does not listen"
                time.sleep(0.02)
            else:
                return self

    def stop(self) -> None:
        """Kill it. What it took is on disk."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def mails(self) -> list[EmailMessage]:
        """What it took, in that order."""
        files = sorted((Path(self._folder.name) / "mails").glob("*.eml"))
        found = [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]
        return [mail for mail in found if isinstance(mail, EmailMessage)]

    def ids(self) -> list[str]:
        """The Message-ID of each, without brackets and domain."""
        return [str(mail["Message-ID"]).strip("<>").rpartition("@")[0] for mail in self.mails()]

    def __enter__(self) -> MailServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._folder.cleanup()
