"""Making a value in its format, and telling whether a value has it."""

from __future__ import annotations

import base64
import re
import secrets
import string
import unicodedata
import uuid

from ops.runbook.errors import RunbookError
from ops.runbook.secret import Secret
from ops.vault.contract import Format

_BASE62 = string.ascii_letters + string.digits


def make(format: Format) -> Secret:
    """A new random value, from the operating system's generator.

    Raises:
        ValueError: the format does not say how (the contract's own check prevents it).
    """
    how = format.make
    if how is None:
        raise ValueError("this format is not made here")
    if how.kind == "base62":
        text = "".join(secrets.choice(_BASE62) for _ in range(how.length))
    elif how.kind == "hex":
        text = secrets.token_hex(how.length // 2)
    elif how.kind == "base64":
        text = base64.b64encode(secrets.token_bytes(how.length)).decode()
    else:
        text = str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))
    return Secret(how.prefix + text)


_PLACEHOLDER = re.compile(
    r"<[^>]*>|\.\.\.|change[-_ ]?me|placeholder|(?:your[-_ ]?|my[-_ ])(?:api|key|token|secret|openai|fly)|x{8,}|\*{4,}",
    re.IGNORECASE,
)


def unsendable(value: Secret) -> str | None:
    """The first character of a key or token that none has, by its place; None if there is none.

    What is copied from a page or a chat may bring a character along that no screen shows, and a key with it is refused
    far from here, or cannot even be sent in a header.
    """
    for place, character in enumerate(value.reveal(), start=1):
        if not " " <= character <= "~":
            name = unicodedata.name(character, "a control character").lower()
            return f"holds {name} (U+{ord(character):04X}) at place {place}, which no key has: copy it again"
    return None


def placeholder(value: Secret) -> str | None:
    """What is wrong with a value that stood there as an example; None with any other."""
    return "is a placeholder: put the real one there" if _PLACEHOLDER.search(value.reveal()) else None


def fault(format: Format | None, value: Secret) -> str | None:
    """What is wrong with the value, without quoting it; None when nothing is."""
    if format is None:
        return None
    if format.pattern is not None and not re.fullmatch(format.pattern, value.reveal()):
        return f"is not {format.says}"
    if format.check is not None:
        from ops.vault import postgres_urls as urls

        try:
            (urls.direct if format.check == "postgres-direct" else urls.pooled)(value)
        except RunbookError as error:
            return f"is refused ({error.code}): {error.what}" + (f"; {error.next}" if error.next else "")
    return None
