"""The frameworks that agents are written with, and what each needs: `frameworks.toml`, typed and filled in."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from ops.description.stack import Stack
from ops.description.typed import convert
from ops.runbook.errors import RunbookError

FILE = Path(__file__).with_name("frameworks.toml")


class Variable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An environment variable of the agent, and why it is needed where that is not plain."""

    name: str
    value: str
    why: str = ""


class Framework(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One framework; texts are for people, `example` is a whole program in `language`.

    Attributes:
        id: its name on the command line.
        checked: the releases whose source was read and whose requests were looked at.
        api: which of OpenAI's APIs it speaks, and how that is changed.
        model, user, cache: how a request says which model, on whose behalf, and what the cache may do.
        variables: set for the agent beside its key.
    """

    id: str
    name: str
    package: str
    checked: str
    language: str
    api: str
    model: str
    user: str
    cache: str
    notes: tuple[str, ...]
    example: str
    variables: tuple[Variable, ...]


def frameworks(stack: Stack, only: str = "", file: Path = FILE) -> tuple[Framework, ...]:
    """Every framework, its texts filled in from the stack; or one of them.

    Raises:
        RunbookError: CUT-003 there is no such framework, CUT-004 the file cannot be read.
    """
    facts = {
        "base": f"https://{stack.domains.gateway}",
        "base_v1": f"https://{stack.domains.gateway}/v1",
        "model": stack.models.default,
        "embedding": stack.models.embedding,
    }
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))["framework"]
        known = convert([_filled(table, facts) for table in tables], tuple[Framework, ...])
    except (OSError, ValueError, KeyError) as error:  # msgspec's and TOML's errors are values that are wrong
        raise RunbookError("CUT-004", f"{file}: {error}", next=f"git checkout {file}") from None
    if not only:
        return known
    found = tuple(framework for framework in known if framework.id == only)
    if not found:
        ids = [framework.id for framework in known]
        near = difflib.get_close_matches(only, ids, n=3, cutoff=0.4)
        why = f"did you mean {', '.join(near)}?" if near else f"frameworks are: {', '.join(ids)}"
        raise RunbookError("CUT-003", f"there is no framework '{only}'", why=why, next="inv cutover.plan without it")
    return found


def _filled(value: object, facts: Mapping[str, str]) -> object:
    """`value` with every text in it filled in. Raises ValueError for a name there is no fact of."""
    from jinja2 import StrictUndefined, Template, TemplateError

    if isinstance(value, Mapping):
        return {name: _filled(item, facts) for name, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, facts) for item in value]
    if not isinstance(value, str) or "{{" not in value:
        return value
    try:
        return Template(value, undefined=StrictUndefined, keep_trailing_newline=True).render(**facts)
    except TemplateError as error:
        raise ValueError(f"{error} in: {value[:60]}") from None
