"""The errors an operator can meet, each with a stable code, a cause and the next command; and the exit codes."""

from __future__ import annotations

import errno


class RunbookError(Exception):
    """An error an operator can meet: a stable code, what happened, why, and the next command.

    Every code is explained at length in `ops/errors.toml`, which `inv explain CODE` prints.

    Args:
        code: stable identifier, e.g. ``VAULT-002``.
        what: one sentence, what happened; never holds a secret.
        why: what it means or what caused it.
        next: the next command to type or the place to edit.
        blocked: only a person can resolve it (exit code 3 instead of 1).
    """

    def __init__(self, code: str, what: str, why: str = "", next: str = "", *, blocked: bool = False) -> None:
        super().__init__(what)
        self.code = code
        self.what = what
        self.why = why
        self.next = next
        self.blocked = blocked

    @property
    def exit_code(self) -> int:
        """Process exit code: 3 where a person has to give something, else 1."""
        return EXIT_BLOCKED if self.blocked else EXIT_FAILED

    def __str__(self) -> str:
        return f"{self.code}: {self.what}"


_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


def is_refusal(error: OSError) -> bool:
    """Whether the system refused something about a file or the disk; a connection that broke is another matter."""
    return error.filename is not None or error.errno in _DISK


def reason(error: OSError) -> str:
    """The system's own word; for a link where we follow none, ours."""
    if error.errno == errno.ELOOP:
        return "is a symbolic link, which is not followed"
    return error.strerror or str(error)


def refused(error: OSError) -> RunbookError:
    """What the system would not do (disk full, no permission, a folder where a file belongs), as an error to act on."""
    # A file that is open already is named by its number, which tells nobody anything.
    place = error.filename if isinstance(error.filename, str) else ""
    look = "df -h" if error.errno in _DISK else "ls -ld"
    return RunbookError(
        "RUN-006",
        f"{place or 'a file'}: {reason(error)}",
        why="the system refused it; nothing is half-written",
        next=f"{f'{look} {place}'.rstrip()}, mend it, then run the same command again",
    )


class Interrupted(BaseException):
    """The operator (Ctrl-C), the system (SIGTERM) or a terminal that hung up (SIGHUP) asked the run to stop.

    A BaseException, so that no `except Exception` on the way swallows it.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum

    @property
    def exit_code(self) -> int:
        """The shell's convention: 128 + signal number (130, 143 or 129)."""
        return 128 + self.signum


class TimeUp(BaseException):
    """The step that runs on this thread has used up its time.

    A BaseException, so that no `except Exception` on the way swallows it.
    """


EXIT_OK = 0
EXIT_FAILED = 1
EXIT_PENDING = 2
EXIT_BLOCKED = 3
