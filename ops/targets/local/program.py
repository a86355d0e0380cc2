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
            log_line(layout, self.name),
            "stdout_logfile_maxbytes=5MB",
            "stdout_logfile_backups=2",
        ]
        return "\n".join(lines) + "\n"


def log_line(layout: Layout, name: str) -> str:
    """Where the program's output goes. This one value the supervisor expands twice (supervisor 4.3)."""
    return f"stdout_logfile={escape(escape(str(layout.log(name))))}"


# The supervisor takes these for the beginning of a comment, and knows no other way to write them in a value.
SPECIAL = {"#": "RUNBOOK_HASH", ";": "RUNBOOK_SEMICOLON"}


def escape(text: str) -> str:
    """The supervisor expands ``%(name)s`` in its values; it is to be started with `special_variables`."""
    text = text.replace("%", "%%")
    for letter, name in SPECIAL.items():
        text = text.replace(letter, f"%(ENV_{name})s")
    return text


def special_variables() -> dict[str, str]:
    """What escaped values refer to, for the supervisor's environment."""
    return {name: letter for letter, name in SPECIAL.items()}
