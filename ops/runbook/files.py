"""Files that matter are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

NO_LINK = os.O_NOFOLLOW | os.O_CLOEXEC  # a link in our own folders was put there by somebody else


def make_private(folder: Path) -> None:
    """Make `folder`, and whatever is missing above it, so that only its owner can enter them (mode 0700).

    Raises:
        OSError: as the system says.
    """
    for place in (*reversed(folder.parents), folder):
        with contextlib.suppress(FileExistsError):
            place.mkdir(mode=0o700)


def write_atomic(file: Path, text: str, mode: int = 0o644) -> None:
    """Write `text` to `file` so that a reader, or a crash, sees the old or the new content and nothing between.

    Args:
        file: its folder is made if missing (0700 where the file is private).
        mode: permissions of the file.

    Raises:
        OSError: as the system says; the old file is untouched then.
    """
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700 if mode & 0o077 == 0 else 0o777)
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            os.fchmod(out.fileno(), mode)
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        os.replace(name, file)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
