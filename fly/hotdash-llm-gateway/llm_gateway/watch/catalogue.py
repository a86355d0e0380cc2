"""What the rules are called, mean and ask for, from rules.toml: for mails, and for the guides."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from importlib import resources

UNSEEN = "unseen"
"""The rule under which a source that cannot be seen is an alert; its subject is the source."""


@dataclass(frozen=True)
class Entry:
    """One rule, or one source that may not be seen."""

    name: str
    source: str
    title: str
    meaning: str
    first: str
    well: str
    then: str = ""

    @property
    def anchor(self) -> str:
        """Where the guide's section is."""
        return f"alert-{self.name}"


@functools.cache
def rules() -> dict[str, Entry]:
    """Every rule by its name."""
    return {name: Entry(name, **about) for name, about in _file()["rules"].items()}


@functools.cache
def sources() -> dict[str, Entry]:
    """Every source by its name, as an alert of its own."""
    return {name: Entry(f"{UNSEEN}-{name}", name, **about) for name, about in _file()["sources"].items()}


def entry(rule: str, subject: str) -> Entry:
    """What is said of an alert."""
    return sources()[subject] if rule == UNSEEN else rules()[rule]


@functools.cache
def _file() -> dict[str, dict[str, dict[str, str]]]:
    return tomllib.loads(resources.files(__package__).joinpath("rules.toml").read_text("utf-8"))
