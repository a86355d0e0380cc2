"""A file that only its owner can read, written whole or not at all, by one writer at a time."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from ops.runbook import interrupt
from ops.runbook.errors import RunbookError
from ops.runbook.files import write_atomic

LOCK_TIMEOUT = 10.0  # seconds; a writer holds the lock for milliseconds

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class PrivateFile:
    """The file, its lock beside it, and the version before.

    Args:
        path: need not exist yet. Its folder belongs to it alone.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def previous(self) -> Path:
        """The version before the last write that kept it."""
        return self.path.with_name(f"{self.path.name}.previous")

    @property
    def exists(self) -> bool:
        """Whether something is there (nothing is said about its soundness)."""
        return os.path.lexists(self.path)

    def read(self) -> bytes | None:
        """The content, or None where there is no file.

        Raises:
            RunbookError: VAULT-002 not its owner's alone (or a link, or no regular file), VAULT-008 not readable.
        """
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EMLINK):
                raise _not_private(self.path, "is a symbolic link", "put the file itself there") from None
            raise RunbookError(
                "VAULT-008", f"{self.path} cannot be read: {error.strerror}", next=f"ls -l {self.path}"
            ) from None
        try:
            self._check_file(os.fstat(descriptor))
            self._check_folder()
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                return file.read()
        finally:
            os.close(descriptor)

    def write(self, text: str, *, keep_previous: bool) -> None:
        """Replace the content; call inside `writing`.

        Raises:
            RunbookError: VAULT-007 disk full, VAULT-008 not writable; the file is as it was then.
        """
        try:
            self._sweep()
            if keep_previous and self.exists:
                write_atomic(self.previous, self.path.read_text(encoding="utf-8"), 0o600)
            write_atomic(self.path, text, 0o600)
        except OSError as error:
            raise self._write_error(error) from None

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Hold off other writers while inside, of this process and of others.

        Raises:
            RunbookError: VAULT-009 another writer did not finish in time.
        """
        try:
            _make_private(self.path.parent)
        except OSError as error:
            raise self._write_error(error) from None
        self._check_folder()
        try:
            lock = os.open(
                self.path.with_name(f"{self.path.name}.lock"),
                os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC,
                0o600,
            )
        except OSError as error:
            raise self._write_error(error) from None
        try:
            start = time.monotonic()
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() - start > LOCK_TIMEOUT:
                        raise RunbookError(
                            "VAULT-009",
                            f"{self.path} is being written by another program",
                            why=f"its lock was not free within {LOCK_TIMEOUT:.0f} s",
                            next="let the other run end, then type the command again",
                        ) from None
                    interrupt.sleep(0.02)
            yield
        finally:
            os.close(lock)

    def _sweep(self) -> None:
        """Remove what a killed writer left: it holds secrets."""
        for leftover in self.path.parent.glob(f".{self.path.name}.*"):
            leftover.unlink(missing_ok=True)

    def _check_file(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise _not_private(self.path, "is not a regular file", "move it away")
        if status.st_uid != os.geteuid():
            raise _not_private(self.path, "belongs to another user", f"sudo chown $(id -u) {self.path}")
        if status.st_mode & 0o077:
            raise _not_private(self.path, f"has mode {status.st_mode & 0o777:04o}", f"chmod 600 {self.path}")

    def _check_folder(self) -> None:
        folder = self.path.parent
        status = folder.lstat()
        if stat.S_ISLNK(status.st_mode):
            raise _not_private(folder, "is a symbolic link", "give the real folder's path as stack.vault")
        if status.st_uid != os.geteuid():
            raise _not_private(folder, "belongs to another user", f"sudo chown $(id -u) {folder}")
        if status.st_mode & 0o077:
            raise _not_private(folder, f"has mode {status.st_mode & 0o777:04o}", f"chmod 700 {folder}")

    def _write_error(self, error: OSError) -> RunbookError:
        if error.errno in _FULL:
            return RunbookError(
                "VAULT-007",
                f"the disk is full: {self.path} could not be written",
                why="the vault is as it was before; nothing was half-written",
                next=f"df -h {self.path.parent}",
            )
        return RunbookError(
            "VAULT-008",
            f"{self.path} cannot be written: {error.strerror}",
            why="the vault is as it was before",
            next=f"ls -ld {self.path.parent}",
        )


def _make_private(folder: Path) -> None:
    """Make `folder` and its missing parents, each open to its owner only."""
    missing = [part for part in (folder, *folder.parents) if not part.exists()]
    for part in reversed(missing):
        with contextlib.suppress(FileExistsError):
            part.mkdir(mode=0o700)


def _not_private(path: Path, what: str, next: str) -> RunbookError:
    return RunbookError(
        "VAULT-002",
        f"{path} {what}",
        why="secrets must be readable by their owner only, at a path that cannot be swapped",
        next=next,
    )
