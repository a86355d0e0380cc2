"""The names of all commands, collected when they have been defined; the guides are checked against them."""

from __future__ import annotations

from collections.abc import Collection

_names: set[str] = set()


def offer(commands: Collection[str]) -> None:
    """Note that these commands exist."""
    _names.update(commands)


def commands() -> Collection[str]:
    """The commands noted so far."""
    return _names
