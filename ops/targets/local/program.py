"""One server of the rehearsal as the supervisor knows it."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from ops.targets.local.layout import Layout

LAUNCH = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class Program:
    """How one server is run.

    Attributes:
        name: its name for the supervisor, its log, its environment file and its pid file.
        command: program and arguments; public, so never a secret.
        ports: names of the ports it listens on.
        cwd: where it runs; None for ``/``.
        user: account to drop to when we are root; empty to stay.
        stop_signal: what asks it to stop.
        stop_s: seconds it gets for that before it is killed.
        start_s: a program that ends within so many seconds of its start has failed to start.
        exit_codes: those of a clean end.
        priority: higher ones are stopped earlier.
    """

    name: str
    command: tuple[str, ...]
    ports: tuple[str, ...]
    cwd: Path | None = None
    user: str = ""
    stop_signal: str = "TERM"
    stop_s: int = 10
    start_s: int = 2
    exit_codes: tuple[int, ...] = (0,)
    priority: int = 100

    def ini(self, layout: Layout) -> str:
        """The supervisor's section for it. Holds no secret: those are in the 0600 file it names."""
        words = [sys.executable, "-I", "-S", str(LAUNCH), "--pid", str(layout.pids / self.name)]
        words += ["--env", str(layout.env / f"{self.name}.json")]
        if self.cwd is not None:
            words += ["--cwd", str(self.cwd)]
        if self.user:
            words += ["--user", self.user]
        command = shlex.join([*words, "--", *self.command])
        lines = [
            f"[program:{self.name}]",
            f"command={escape(command)}",
            "directory=/",
            "autostart=false",
            "autorestart=true",
            f"startsecs={self.start_s}",
            "startretries=2",
            f"exitcodes={','.join(map(str, self.exit_codes))}",
            f"stopsignal={self.stop_signal}",
            f"stopwaitsecs={self.stop_s}",
            "killasgroup=true",
            f"priority={self.priority}",
            "redirect_stderr=true",
            # This one value it expands twice (supervisor 4.3).
            f"stdout_logfile={escape(escape(str(layout.log(self.name))))}",
            "stdout_logfile_maxbytes=5MB",
            "stdout_logfile_backups=2",
        ]
        return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """The supervisor expands ``%(name)s`` in its values."""
    return text.replace("%", "%%")
