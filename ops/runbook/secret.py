"""Secrets as a type, and the redactor that keeps their values out of every output."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

REDACTED = "[redacted]"
_SHORTEST = 6


class Secret:
    """A value that cannot be printed by accident; `reveal()` is the only way to read it.

    Making one registers its value with the process-wide redactor.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        redactor.add(value)

    def reveal(self) -> str:
        """The value itself, for the one place that hands it to its consumer."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not serialised")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


class Redactor:
    """Replaces known secret values in text: the second line of defence behind `Secret`."""

    def __init__(self) -> None:
        # Longest first: a URL holding a password is replaced whole before the password is.
        self.values: tuple[str, ...] = ()
        self._lock = threading.Lock()

    def add(self, value: str) -> None:
        """Remember `value`, also as it looks inside JSON and inside a URL.

        Values under six characters are ignored, they would redact ordinary words; white space does not count.
        """
        if len(value.strip()) < _SHORTEST or value in self.values:
            return
        written = {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], quote(value, safe="")}
        with self._lock:
            self.values = tuple(sorted({*self.values, *written}, key=len, reverse=True))

    def __call__(self, text: str) -> str:
        """`text` with every known value replaced."""
        for value in self.values:
            if value in text:
                text = text.replace(value, REDACTED)
        return text

    def within(self, value: Any) -> Any:
        """What is about to be written as JSON, with every text in it redacted, so that no value can break the JSON."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, Mapping):
            return {key: self.within(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.within(each) for each in value]
        return value


redactor = Redactor()
