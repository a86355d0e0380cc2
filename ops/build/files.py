"""Rendered files on disk: how they differ from what the description says, and writing them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ops.render.files import mode, names, render
from ops.runbook.files import write_atomic

if TYPE_CHECKING:
    from ops.description.stack import Stack


def drift(stack: Stack, folder: Path, only: tuple[str, ...] | None = None) -> str:
    """What rendering would change on disk, as one unified diff; empty when nothing.

    Args:
        folder: the stack's folder in the checkout.
        only: names of the files to compare; None for all. Files that are not rendered are never looked at.
    """
    return "".join(_difference(folder, name, render(stack, name)) for name in only or names(stack))


def _difference(folder: Path, name: str, want: str) -> str:
    file = folder / name
    try:
        have = file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        have = None
    if have != want:
        import difflib

        lines = difflib.unified_diff(
            (have or "").splitlines(keepends=True),
            want.splitlines(keepends=True),
            f"a/{name}" if have is not None else "/dev/null",
            f"b/{name}",
        )
        # A file cut off in mid-line must not run into the next line of the difference.
        return "".join(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines)
    have_mode = file.stat().st_mode & 0o777
    # Only whether it can be executed is the repository's business; the rest is the operator's umask.
    if bool(have_mode & 0o100) != bool(mode(name) & 0o100):
        return f"--- a/{name}\n+++ b/{name}\nold mode {have_mode:o}\nnew mode {mode(name):o}\n"
    return ""


def write(stack: Stack, folder: Path, only: tuple[str, ...] | None = None) -> list[str]:
    """Bring the rendered files on disk to what the stack says; returns the names of those that changed.

    Args:
        folder: the stack's folder in the checkout.
        only: names of the files to write; None for all. Files that are not rendered are left alone.

    Raises:
        OSError: a file cannot be written; each file is whole, old or new.
    """
    changed = []
    for name in only or names(stack):
        want = render(stack, name)
        if _difference(folder, name, want):
            write_atomic(folder / name, want, mode(name))
            changed.append(name)
    return changed
