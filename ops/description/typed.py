"""Converting plain data into typed structures, by one thread at a time.

msgspec 0.20 builds what it knows of a type when the type is first converted to, and two threads doing so at once can
crash the interpreter (seen in about one plan of ten). So every conversion of the runbook goes through here.
"""

from __future__ import annotations

import threading
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_lock = threading.Lock()


def convert(data: object, kind: type[T]) -> T:
    """`data` as a `kind`.

    Raises:
        msgspec.ValidationError: a value is missing, unknown or of the wrong type; the message names its place.
    """
    with _lock:
        return msgspec.convert(data, kind)


def schema(kind: type[Any]) -> dict[str, Any]:
    """The JSON schema that describes `kind`."""
    with _lock:
        return msgspec.json.schema(kind)


def encode(value: object) -> bytes:
    """`value` as JSON with sorted keys."""
    with _lock:
        return msgspec.json.encode(value, order="sorted")
