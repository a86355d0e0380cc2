"""Jinja, set up once: strict about what is undefined, and silent about nothing."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
HEADER = "Rendered from ops/stack.toml by inv build.all; edit there."


@cache
def _environment() -> Environment:
    import json

    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - configuration files, not HTML
    )
    # JSON's strings are valid in TOML and YAML alike.
    environment.filters["quoted"] = lambda value: json.dumps(str(value), ensure_ascii=False)
    environment.filters["json"] = lambda value: json.dumps(value, ensure_ascii=False)
    environment.filters["number"] = _number
    environment.globals["header"] = HEADER
    return environment


def _number(value: float) -> str:
    """A number as a person writes it: 50 instead of 50.0."""
    return str(int(value)) if value == int(value) else repr(value)


def fill(template: str, **values: Any) -> str:
    """The text of `template` (a path below ops/templates) filled with `values`; undefined names are an error."""
    return _environment().get_template(template).render(**values)
