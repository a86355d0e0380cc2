"""What a failed build has printed: its last lines in the error, all of it in a file that the error names."""

from __future__ import annotations

import re
from pathlib import Path

from ops.runbook.errors import RunbookError
from ops.runbook.files import write_atomic
from ops.runbook.secret import redactor

LAST_LINES = 30
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def keep(error: RunbookError, output: str, file: Path) -> None:
    """Write all that a failed build printed into a file, and have the error name it and show its end.

    Known secrets are redacted, as everywhere; the file is private.
    """
    lines = redactor(ANSI.sub("", output).replace("\r", "\n")).splitlines()
    if not lines:
        return
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomic(file, "\n".join(lines) + "\n", 0o600)
    error.why = "\n".join([error.why, "the build's last lines:", *lines[-LAST_LINES:]]).lstrip("\n")
    error.next = f"the whole log: {file}; mend what it reports, then the same command again"
