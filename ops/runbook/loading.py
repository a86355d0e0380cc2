"""Faster start-up: importing a library without the parts of it that a command does not use."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
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


class _Deferring:
    """A finder whose one module is executed only when somebody asks it for something."""

    def __init__(self, name: str) -> None:
        self.name = name

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != self.name:
            return None
        from importlib.util import LazyLoader

        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


@contextmanager
def deferred(name: str) -> Iterator[None]:
    """While inside, module `name` is imported without being executed: that is done at its first use, if ever.

    For modules a library imports at its start and seldom uses. Does nothing if it is loaded already.
    """
    finder = _Deferring(name)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
