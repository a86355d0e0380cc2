"""The Jinja environment: undefined names are errors."""

from __future__ import annotations

import contextlib
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops.render import quoting

if TYPE_CHECKING:
    from jinja2 import BytecodeCache, Environment

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
HEADER = "Rendered from ops/stack.toml by inv build.all; edit there."


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        bytecode_cache=_compiled(),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - configuration files, not HTML
    )
    environment.filters |= {"toml": quoting.toml, "yaml": quoting.yaml, "shell": quoting.shell, "caddy": quoting.caddy}
    environment.filters["number"] = _number
    environment.globals["header"] = HEADER
    return environment


def _compiled() -> BytecodeCache | None:
    """Compiled templates lie where Python's own bytecode lies: compiling takes twenty times what filling does."""
    from jinja2 import FileSystemBytecodeCache
    from jinja2.bccache import Bucket

    class Cache(FileSystemBytecodeCache):
        def load_bytecode(self, bucket: Bucket) -> None:
            try:
                super().load_bytecode(bucket)
            except Exception:  # a damaged file ends in any of pickle's and marshal's errors
                bucket.reset()

        def dump_bytecode(self, bucket: Bucket) -> None:
            # Without a place for it each start compiles, as Python does.
            with contextlib.suppress(OSError):
                super().dump_bytecode(bucket)

    if sys.dont_write_bytecode:
        return None
    folder = TEMPLATES / "__pycache__"
    with contextlib.suppress(OSError):
        folder.mkdir(exist_ok=True)
    return Cache(str(folder))


def _number(value: float) -> str:
    """A number as a person writes it, and as YAML reads one: 50 instead of 50.0, 1.0e-06 instead of 1e-06."""
    return str(int(value)) if value == int(value) else quoting.yaml(float(value))


def fill(template: str, **values: Any) -> str:
    """The text of `template` (a path below ops/templates) filled with `values`; undefined names are an error."""
    return _environment().get_template(template).render(**values)
