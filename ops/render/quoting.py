"""One quoting function for each format: whatever value goes into a rendered file goes through it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence


def toml(value: object) -> str:
    """A text as a TOML basic string."""
    return _escaped(str(value))


def yaml(value: object) -> str:
    """A text, number, list or mapping as YAML on one line; texts are double-quoted."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_escaped(str(key))}: {yaml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(yaml(inner) for inner in value) + "]"
    if isinstance(value, float):
        mantissa, e, exponent = repr(value).partition("e")
        # Without the point YAML 1.1 takes it for a text.
        return f"{mantissa}.0e{exponent}" if e and "." not in mantissa else repr(value)
    if value is None or isinstance(value, (bool, int)):
        return json.dumps(value)
    return _escaped(str(value))


def shell(value: object) -> str:
    """A text as one word of a POSIX shell."""
    return shlex.quote(str(value))


def caddy(value: object) -> str:
    """A text as one Caddyfile word, taken as it is.

    Raises:
        ValueError: it holds what a Caddyfile cannot quote on one line, or a placeholder's brace.
    """
    text = str(value)
    if not text.isprintable() or "{" in text:
        raise ValueError(f"{text!r} cannot be written into a Caddyfile")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _escaped(text: str) -> str:
    """In double quotes, with the escapes that TOML and YAML share."""

    def one(letter: str) -> str:
        if letter in '"\\':
            return f"\\{letter}"
        return letter if letter.isprintable() else f"\\U{ord(letter):08x}"

    return '"' + "".join(map(one, text)) + '"'
