"""Reading `stack.toml`: overridden from the environment, typed, and held to the rules."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from ops.description import rules
from ops.description.stack import Price, Stack, TeamTable
from ops.description.table import Table
from ops.description.typed import convert
from ops.runbook.errors import RunbookError

OVERRIDE = "STACK__"


def read(file: Path, environ: Mapping[str, str]) -> Stack:
    """Read and check the stack file.

    Args:
        file: the TOML file.
        environ: its ``STACK__A__B`` variables override ``a.b``.

    Raises:
        RunbookError: STACK-001 unreadable or not TOML, STACK-002 a key is wrong; both name file and key.
    """
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        # Another file than the project's own was named by the operator.
        own = "RUNBOOK_STACK" not in environ
        raise RunbookError(
            "STACK-001",
            f"{file}: {error.strerror}",
            why="nothing was done",
            next=f"git checkout {file}" if own else "correct RUNBOOK_STACK in .env or the environment",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RunbookError(
            "STACK-001", f"{file} is not valid TOML: {error}", why="nothing was done", next=f"edit {file}"
        ) from None
    overrides = {name: text for name, text in environ.items() if name.startswith(OVERRIDE)}
    for name, text in overrides.items():
        _override(data, name, text)
    try:
        _name_the_entry(data)
        stack = convert(data, Stack)
        for fault in rules.faults(stack):
            raise ValueError(fault)
    except (msgspec.ValidationError, ValueError) as error:
        said = _readable(str(error))
        near = _meant(said)
        line = _line_of(file.read_text(encoding="utf-8"), said.partition(":")[0])
        raise RunbookError(
            "STACK-002",
            f"{file}{f', line {line}' if line else ''}: {said}",
            why=f"{near} Nothing was done." if near else "nothing was done",
            next=" or ".join([f"edit {file}", *(f"unset {name}" for name in sorted(overrides))]) + ", then inv plan",
        ) from None
    return stack


def _override(data: dict[str, Any], name: str, text: str) -> None:
    parts = [part.lower() for part in name.removeprefix(OVERRIDE).split("__")]
    table = data
    for part in parts[:-1]:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise RunbookError("STACK-002", f"{name}: {part} is not a table", next="unset it")
    try:
        value: Any = tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        value = text
    table[parts[-1]] = value


def _name_the_entry(data: dict[str, Any]) -> None:
    """Check free-named tables one by one: in a whole document the error would say `teams[...]`, not which team."""
    models = data.get("models")
    tables: tuple[tuple[str, object, type[Table]], ...] = (
        ("teams", data.get("teams"), TeamTable),
        ("models.prices", models.get("prices") if isinstance(models, dict) else None, Price),
    )
    for place, table, kind in tables:
        for name, entry in table.items() if isinstance(table, dict) else ():
            try:
                convert(entry, kind)
            except msgspec.ValidationError as error:
                text, _, where = str(error).partition(" - at ")
                key = where.strip("`").removeprefix("$")
                raise ValueError(f"{place}.{name}{key}: {text}") from None


def _readable(message: str) -> str:
    """`Expected `int`, got `str` - at `$.a.b`` → `a.b: expected …`: the key first, as an operator looks for it."""
    text, _, where = message.partition(" - at ")
    return f"{where.strip('`').removeprefix('$.')}: {text}" if where else text


UNKNOWN = re.compile(r"(?:([^:]+): )?Object contains unknown field `(.+)`")


def _meant(said: str) -> str:
    """For a key that nobody knows: the known one of that table it may have been meant for."""
    found = UNKNOWN.fullmatch(said)
    if found is None:
        return ""
    kind: Any = Stack
    for part in (found[1] or "").split(".") if found[1] else ():
        kind = _inner(kind, part)
    names = getattr(kind, "__struct_fields__", ())
    near = difflib.get_close_matches(found[2], names, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"known here: {', '.join(names)}." if names else ""


def _inner(kind: Any, part: str) -> Any:
    """The type below a table's key; of a table with free names, that of its entries."""
    hints = get_type_hints(kind) if hasattr(kind, "__struct_fields__") else {}
    inner = hints.get(part)
    if inner is None and get_origin(kind) is dict:
        inner = get_args(kind)[1]
    return inner


def _line_of(text: str, key: str) -> int:
    """The line that sets a key such as `fly.groups.ui.cpus`, else where its table begins; 0 when it is nowhere."""
    table, found, wanted = "", 0, key.rpartition(".")
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.split("#")[0].strip()
        if bare.startswith("["):
            table = bare.strip("[] ").replace('"', "").replace("'", "")
            found = number if table == key or (table == wanted[0] and not found) else found
        elif "=" in bare and table == wanted[0] and bare.partition("=")[0].strip().strip("\"'") == wanted[2]:
            return number
    return found
