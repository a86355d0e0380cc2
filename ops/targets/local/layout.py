"""Where the rehearsal keeps what it needs: data and logs in the checkout, sockets in a short private folder."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ops.runbook.errors import RunbookError
from ops.runbook.files import write_atomic

# A Unix socket's path may have 107 bytes on Linux and 103 on macOS; the longest name in the run folder has 20.
_SOCKET_FOLDER_MAX = 80
RUN_RECORD = "run-folder"


@dataclass(frozen=True)
class Layout:
    """The folders and files of one rehearsal.

    Attributes:
        root: the checkout.
        state: this target's folder, ``.state/local``, ignored by git.
        run: short-lived sockets and pid files, outside the checkout; empty after a reboot.
        find_gateway: tells the folder the image is made of. The stack file names it, and a rehearsal must be
            stopped also while that file is broken; so it is asked only when needed.
    """

    root: Path
    state: Path
    run: Path
    find_gateway: Callable[[], Path]

    @property
    def gateway(self) -> Path:
        """The folder the image is made of."""
        return self.find_gateway()

    @property
    def home(self) -> Path:
        """The servers' HOME: what they drop there stays with the rehearsal."""
        return self.state / "home"

    @property
    def logs(self) -> Path:
        """One log file per server."""
        return self.state / "logs"

    @property
    def env(self) -> Path:
        """The servers' environment variables, one private file each."""
        return self.state / "env"

    @property
    def pids(self) -> Path:
        """The servers' process ids, one file each."""
        return self.state / "pids"

    @property
    def started(self) -> Path:
        """For each server, a digest of what it was started from."""
        return self.state / "started"

    @property
    def programs(self) -> Path:
        """The supervisor's definitions, one ``.ini`` file per server."""
        return self.state / "supervisor" / "conf.d"

    @property
    def supervisor_conf(self) -> Path:
        """The supervisor's own configuration."""
        return self.state / "supervisor" / "supervisord.conf"

    @property
    def supervisor_socket(self) -> Path:
        """The Unix socket of the supervisor's XML-RPC interface."""
        return self.run / "supervisor.sock"

    @property
    def stage(self) -> Path:
        """Records whether Langfuse uses the direct or the pooled Postgres connection."""
        return self.state / "stage"

    @property
    def environment(self) -> Path:
        """The gateway's virtual environment."""
        return self.root / ".venv-gateway"

    def data(self, name: str) -> Path:
        """The data folder of server `name`."""
        return self.state / "data" / name

    def log(self, name: str) -> Path:
        """The log of server `name`: both its outputs."""
        return self.logs / f"{name}.log"


def run_folder(state: Path, environ: Mapping[str, str]) -> Path:
    """The folder for sockets: short, private, and the same at every call for one state folder and user.

    ``$XDG_RUNTIME_DIR`` where it is ours and short enough, else ``/tmp``; but the one in use, however this command
    was started (a cron job has no $XDG_RUNTIME_DIR). Nothing is created.
    """
    used = (read(state / RUN_RECORD) or "").strip()
    if used and is_private(Path(used)):
        return Path(used)
    uid = os.getuid()
    name = "llmgw-" + hashlib.sha256(f"{uid}:{state}".encode()).hexdigest()[:12]
    wanted = environ.get("XDG_RUNTIME_DIR", "")
    if wanted and is_private(Path(wanted)) and len(wanted) + len(name) < _SOCKET_FOLDER_MAX:
        return Path(wanted) / name
    return Path("/tmp") / name  # noqa: S108 - its owner and mode are checked by make_private


def is_private(folder: Path) -> bool:
    """Whether `folder` is ours and closed to everybody else."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


def make_private(folder: Path) -> None:
    """Make `folder` (and its parents) so that only its owner can enter it.

    Raises:
        RunbookError: LOCAL-001 when it is a link, or belongs to somebody else, or cannot be made.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise RunbookError(
            "LOCAL-001",
            f"{folder} cannot be used: {error.strerror}",
            why="the rehearsal keeps its servers' data, sockets and secrets there",
            next=f"ls -ld {folder}",
        ) from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise RunbookError(
            "LOCAL-001",
            f"{folder} is not a folder of user {os.getuid()}",
            why="a rehearsal belongs to the user who started it, and its folder must be nobody else's",
            next=f"run as the owner of {folder}, or remove it",
        )
    if found.st_mode & 0o077:
        folder.chmod(0o700)


def write_private(file: Path, text: str) -> None:
    """Write a file only its owner can read, whole or not at all, into a folder only its owner can enter."""
    make_private(file.parent)
    write_atomic(file, text, 0o600)


def read(file: Path) -> str | None:
    """The text of `file`, or None where there is none."""
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
