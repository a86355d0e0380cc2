"""Reading a section of a configuration file: types checked, unknown settings noticed, errors with a path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, TypeVar

C = TypeVar("C", bound=str)

NANO = 1_000_000_000


class ConfigError(Exception):
    """The configuration or the environment is unusable; the text says which setting and why."""


class Section:
    """A mapping of the file that knows its path, checks types, and notices settings nobody asked for.

    Every method that reads a setting raises `ConfigError` if it is missing and has no default, or has another type.
    """

    def __init__(self, path: str, value: object, name: str = "") -> None:
        if not isinstance(value, dict):
            raise ConfigError(f"{path}: a mapping is needed")
        self.path = path
        self.name = name or path  # not cut out of the path: a name may hold dots (gpt-4.1-mini)
        self._values: dict[str, Any] = value
        self._unused = set(value)

    def _take(self, name: str, default: Any) -> Any:
        self._unused.discard(name)
        value = self._values.get(name, default)
        if value is None:
            raise ConfigError(f"{self.path}.{name}: missing")
        return value

    def text(self, name: str, default: str | None = None) -> str:
        """A text that is not empty."""
        value = self._take(name, default)
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{self.path}.{name}: a text is needed")
        return value

    def choice(self, name: str, default: C, allowed: Sequence[C]) -> C:
        """One of the allowed texts."""
        value = self._take(name, default)
        for each in allowed:
            if value == each:
                return each
        raise ConfigError(f"{self.path}.{name}: one of {', '.join(allowed)} is needed")

    def flag(self, name: str, default: bool) -> bool:
        """True or false."""
        value = self._take(name, default)
        if not isinstance(value, bool):
            raise ConfigError(f"{self.path}.{name}: true or false is needed")
        return value

    def integer(self, name: str, default: int | None = None, *, minimum: int) -> int:
        """A whole number of at least `minimum`."""
        value = self._take(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
            raise ConfigError(f"{self.path}.{name}: a whole number of at least {minimum} is needed")
        return value

    def number(self, name: str, default: float | None = None, *, minimum: float) -> float:
        """A number of at least `minimum`, whole or not."""
        value = self._take(name, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not value >= minimum:
            raise ConfigError(f"{self.path}.{name}: a number of at least {minimum} is needed")
        return float(value)

    def decimal(self, name: str, default: Decimal | None = None) -> Decimal:
        """A number without binary rounding: for amounts of money."""
        value = self._take(name, default)
        if not isinstance(value, int | float | Decimal) or isinstance(value, bool):
            raise ConfigError(f"{self.path}.{name}: a number is needed")
        return Decimal(str(value))

    def nano_usd(self, name: str) -> int:
        """An amount that the file gives in USD, in nano-USD; ConfigError if it is negative or finer than that."""
        value = self.decimal(name) * NANO
        if value < 0 or value != value.to_integral_value():
            raise ConfigError(f"{self.path}.{name}: an amount in USD is needed")
        return int(value)

    def mapping(self, name: str) -> dict[str, str]:
        """A mapping of texts to texts; empty if missing."""
        value = self._take(name, {})
        if not isinstance(value, dict) or not all(isinstance(item, str) for pair in value.items() for item in pair):
            raise ConfigError(f"{self.path}.{name}: a mapping of names to names is needed")
        return value

    def sequence(self, name: str) -> list[Any]:
        """A list of anything; empty if missing."""
        value = self._take(name, [])
        if not isinstance(value, list):
            raise ConfigError(f"{self.path}.{name}: a list is needed")
        return value

    def texts(self, name: str) -> list[str]:
        """A list of texts that are not empty; empty if missing."""
        value = self.sequence(name)
        if not all(isinstance(item, str) and item for item in value):
            raise ConfigError(f"{self.path}.{name}: a list of texts is needed")
        return value

    def names(self) -> list[str]:
        """The names of all settings in this section, in the file's order."""
        return list(self._values)

    def section(self, name: str) -> Section:
        """A section within this one; empty if missing."""
        return Section(f"{self.path}.{name}", self._take(name, {}), str(name))

    def optional_section(self, name: str) -> Section | None:
        """A section within this one; None if missing."""
        return self.section(name) if self._values.get(name) is not None else None

    def sections(self) -> Iterator[Section]:
        """All sections within this one, where every setting is one."""
        for name in list(self._values):
            yield self.section(name)

    def finish(self) -> None:
        """Call last: raises ConfigError that names the settings of the file which were never read."""
        if self._unused:
            raise ConfigError(f"{self.path}: unknown setting(s) {', '.join(sorted(map(str, self._unused)))}")
