"""The contract: what the vault must hold, read from `vault-template/`, narrowed to a stack and a target."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from ops.description.paths import ROOT
from ops.description.typed import convert
from ops.runbook.errors import RunbookError

if TYPE_CHECKING:
    from ops.description.stack import Stack

FILE = ROOT / "vault-template" / "llm-gateway-secrets.toml"

Origin = Literal["generated", "given", "provisioned", "derived"]
Rotation = Literal["free", "restart", "breaks-sessions", "never"]


class Make(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a value is made: `length` in characters (base62, hex) or random bytes (base64)."""

    kind: Literal["base62", "hex", "base64", "uuid"]
    length: int = 0
    prefix: str = ""


class Format(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a value looks like."""

    says: str
    pattern: str | None = None
    make: Make | None = None
    check: Literal["postgres-direct", "postgres-pooled"] | None = None


REHEARSALS = ("local", "containers")  # the targets that stand for production on the operator's own machine


class _Variant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    origin: Origin
    format: str | None = None
    step: str = ""


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    purpose: str
    origin: Origin
    consumers: dict[str, str]
    format: str | None = None
    step: str = ""
    derive: Literal["langfuse-direct", "langfuse-database"] | None = None
    rotate_days: int = 0
    rotation: Rotation = "free"
    together: tuple[str, ...] = ()
    then: tuple[str, ...] = ()
    note: str = ""
    stored: bool = True
    targets: tuple[Literal["local", "containers", "fly"], ...] = ("local", "containers", "fly")
    when: str = ""
    rehearsal: _Variant | None = None
    tigris: _Variant | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    version: Literal[1]
    consumers: dict[str, str]
    formats: dict[str, Format]
    secrets: dict[str, _Row]
    team_key: _Row


@dataclass(frozen=True)
class Rule:
    """What the contract says of one secret, for one stack and one target.

    Attributes:
        consumers: who reads it → the environment name it gets there.
        step: number of the step that provisions it, else empty.
        derive: the rule a derived one is computed by, else None.
        rotate_days: replace at this age; 0 is no period.
        together: names replaced in the same go.
        then: tasks to run after a replacement.
        stored: False for what is read from the environment at each run.
    """

    name: str
    purpose: str
    origin: Origin
    format: Format | None
    consumers: Mapping[str, str]
    step: str
    derive: str | None
    rotate_days: int
    rotation: Rotation
    together: tuple[str, ...]
    then: tuple[str, ...]
    note: str
    stored: bool


class Contract:
    """The contract as read; `rules` gives what holds for a stack and a target."""

    def __init__(self, file: Path, content: _File) -> None:
        self.file = file
        self._content = content

    @property
    def consumers(self) -> Mapping[str, str]:
        """Who reads secrets: name → what it is."""
        return self._content.consumers

    def rules(self, stack: Stack, target: str) -> dict[str, Rule]:
        """Every secret the target needs, by name, in the contract's order, then the teams' keys.

        Raises:
            RunbookError: VAULT-011 when a team's key has the name of another secret.
        """
        rules = {
            name: self._rule(name, row, stack, target)
            for name, row in self._content.secrets.items()
            if target in row.targets and _holds(row.when, stack)
        }
        for team in stack.resolved_teams:
            if team.key in self._content.secrets or not re.fullmatch(r"[A-Z][A-Z0-9_]*", team.key):
                taken = team.key in self._content.secrets
                why = "is the name of another secret" if taken else "is no name"
                raise RunbookError(
                    "VAULT-011",
                    f"teams.{team.name}.key: {team.key} {why}",
                    why="a team's key needs a name of its own, of capital letters, digits and _",
                    next="edit ops/stack.toml",
                )
            row = msgspec.structs.replace(
                self._content.team_key,
                purpose=self._content.team_key.purpose.format(team=team.name),
                consumers={who: name.format(key=team.key) for who, name in self._content.team_key.consumers.items()},
            )
            rules[team.key] = self._rule(team.key, row, stack, target)
        return rules

    def rule(self, name: str, stack: Stack, target: str) -> Rule:
        """What holds for one secret.

        Raises:
            RunbookError: VAULT-015 when the contract knows no such name.
        """
        rules = self.rules(stack, target)
        if name not in rules:
            import difflib

            near = difflib.get_close_matches(name.upper(), rules, n=1)
            raise RunbookError(
                "VAULT-015",
                f"the contract knows no secret '{name}' for target {target}",
                why=f"did you mean {near[0]}?" if near else "",
                next="inv vault.list",
            )
        return rules[name]

    def _rule(self, name: str, row: _Row, stack: Stack, target: str) -> Rule:
        variant = None
        if target in REHEARSALS:
            variant = row.rehearsal
        elif stack.storage.provider == "tigris":
            variant = row.tigris
        origin = variant.origin if variant else row.origin
        format_name = variant.format if variant and variant.format else row.format
        return Rule(
            name=name,
            purpose=row.purpose,
            origin=origin,
            format=self._content.formats[format_name] if format_name else None,
            consumers=row.consumers,
            step=variant.step if variant else row.step,
            derive=row.derive,
            rotate_days=row.rotate_days,
            rotation=row.rotation,
            together=row.together,
            then=row.then,
            note=row.note,
            stored=row.stored and origin != "derived",
        )


def read(file: Path = FILE) -> Contract:
    """Read and check the contract.

    Raises:
        RunbookError: VAULT-010, naming the file and the key.
    """
    try:
        content = convert(tomllib.loads(file.read_text(encoding="utf-8")), _File)
        _check(content)
    except OSError as error:
        raise _broken(file, str(error.strerror)) from None
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, ValueError) as error:
        raise _broken(file, str(error)) from None
    return Contract(file, content)


def _broken(file: Path, reason: str) -> RunbookError:
    return RunbookError("VAULT-010", f"{file}: {reason}", why="nothing was done", next=f"git checkout {file}")


def _check(content: _File) -> None:
    """What types cannot say."""
    for name, format in content.formats.items():
        if format.pattern is not None:
            try:
                re.compile(format.pattern)
            except re.error as error:
                raise ValueError(f"formats.{name}.pattern: {error}") from None
        if format.pattern is None and format.check is None:
            raise ValueError(f"formats.{name}: needs a pattern or a check")
    for name, row in {**content.secrets, "team_key": content.team_key}.items():
        for who in row.consumers:
            if who not in content.consumers:
                raise ValueError(f"{name}.consumers: there is no consumer '{who}'")
        for other in row.together:
            if other not in content.secrets:
                raise ValueError(f"{name}.together: there is no secret '{other}'")
        for variant in (row, row.rehearsal, row.tigris):
            if variant is None:
                continue
            if variant.format is not None and variant.format not in content.formats:
                raise ValueError(f"{name}: there is no format '{variant.format}'")
            format_name = variant.format or row.format
            if variant.origin == "generated" and (format_name is None or content.formats[format_name].make is None):
                raise ValueError(f"{name}: is generated, and its format does not say how")
            if variant.origin == "provisioned" and not variant.step:
                raise ValueError(f"{name}: is provisioned, and no step is named")
        if (row.origin == "derived") != (row.derive is not None):
            raise ValueError(f"{name}: 'derive' belongs to origin 'derived', and only there")


def _holds(when: str, stack: Stack) -> bool:
    """`redis.queue_name`: set in the stack; `storage.provider=minio`: has that value; empty: always."""
    if not when:
        return True
    path, equals, wanted = when.partition("=")
    value: object = stack
    for part in path.split("."):
        value = getattr(value, part)
    return str(value) == wanted if equals else bool(value)
