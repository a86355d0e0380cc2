"""The long form of every error code, from `errors.toml`."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path

from ops.runbook.errors import RunbookError

FILE = Path(__file__).resolve().parents[1] / "errors.toml"


def catalogue() -> dict[str, dict[str, str]]:
    """Every code with its title and text."""
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


def only_on(code: str) -> str:
    """The one target on which this error can be met; empty where it is any."""
    wanted = code.strip().upper()
    named = catalogue().get(wanted, {}).get("only", "")
    return named or {"LOCAL": "local", "FLY": "fly"}.get(wanted.partition("-")[0], "")


def text(code: str, target: str) -> str:
    """What `inv explain CODE` prints.

    Args:
        target: on which it was met; what does not hold there is left out.

    Raises:
        RunbookError: CLI-005 for a code that does not exist.
    """
    codes = catalogue()
    wanted = code.strip().upper()
    if wanted not in codes:
        near = difflib.get_close_matches(wanted, codes, n=3, cutoff=0.5)
        raise RunbookError(
            "CLI-005",
            f"there is no error code '{code}'",
            why=f"did you mean {', '.join(near)}?" if near else f"codes look like {next(iter(codes))}",
            next=f"inv explain {near[0]}" if near else "type the code behind 'error' or 'more'",
        )
    entry = codes[wanted]
    parts = [f"{wanted}: {entry['title']}", entry["text"].strip(), entry.get(only_on(wanted) or target, "")]
    return "\n\n".join(part for part in parts if part)
