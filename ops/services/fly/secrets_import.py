"""The text `flyctl secrets import` reads, written so that its parser returns exactly what we meant.

flyctl 0.4.87's parser knows no escapes: it cuts values at ``#``, strips one pair of quotes, trims spaces,
takes ``\"\"\"`` for the start of a multi-line value, silently drops what follows a line over 64 KiB, and
echoes a line it cannot read in its error. A value between double quotes, without any inside, passes whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ops.runbook.secret import Secret
from ops.services.fly.errors import BAD_SECRET, FlyError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_LONGEST_LINE = 60_000


def write(values: Mapping[str, Secret]) -> bytes:
    """Lines for standard input, one per secret, names sorted.

    Raises:
        FlyError: FLY-029 for a name or value the parser would not return unchanged; names the secret only.
    """
    lines = []
    for name, secret in sorted(values.items()):
        value = secret.reveal()
        wrong = _why_not(name, value)
        if wrong:
            raise FlyError(
                BAD_SECRET,
                f"the secret {name} cannot be handed to Fly safely: {wrong}",
                "flyctl's reader of secrets has no escapes and would store something else",
                "choose another value for it",
            )
        lines.append(f'{name}="{value}"\n')
    return "".join(lines).encode()


def _why_not(name: str, value: str) -> str:
    if not _NAME.match(name):
        return "its name is not a plain variable name"
    if not value:
        return "it is empty"
    if any((ord(character) < 32 and character != "\t") or character in "\x7f\x85\u2028\u2029" for character in value):
        return "it holds a line break or control character"
    if '"' in value:
        return "it holds a double quote"
    if len(value.encode()) + len(name) > _LONGEST_LINE:
        return "it is longer than 60 kB"
    return ""
