"""Sparing a command the parts of a library that it loads for others."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def spared(name: str, *wanted: str) -> Iterator[None]:
    """While inside, whoever imports from module `name` gets empty classes of the `wanted` names instead.

    Whoever imports it afterwards loads it as usual. Does nothing if it is loaded already.
    """
    if name in sys.modules:
        yield
        return
    empty = ModuleType(name)
    for word in wanted:
        setattr(empty, word, type(word, (), {}))
    sys.modules[name] = empty
    try:
        yield
    finally:
        del sys.modules[name]
