"""`inv dev.audit`: known faults of what the locks hold. What could not be asked is unknown, never free of them."""

from __future__ import annotations

import datetime
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ops.description.paths import ROOT
from ops.development import advisories
from ops.development.advisories import Advisory, Answer, Pin
from ops.runbook import proc
from ops.runbook.errors import EXIT_BLOCKED, EXIT_FAILED, RunbookError

ACCEPTED = ROOT / "ops" / "development" / "audit-accepted.toml"
WHERE = ("production", "operator", "rehearsal", "development")
"""From what is nearest to production on, as in docs/dependencies.md."""
NEAR_PRODUCTION = WHERE[:2]
"""Where a fault makes the audit fail: in the image, and on the machine that holds the vault."""
LEFT_OUT = ("tests/bench/",)
"""Yardsticks: what others ship, measured as it is."""


class Acceptance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fault that is known and lived with, and until when."""

    id: str
    package: str
    reason: str
    until: datetime.date


class _Acceptances(msgspec.Struct, forbid_unknown_fields=True):
    accepted: tuple[Acceptance, ...] = ()


@dataclass(frozen=True)
class Fault:
    """A known fault of a locked version."""

    package: str
    version: str
    advisory: Advisory
    accepted: Acceptance | None = None


@dataclass(frozen=True)
class Audited:
    """What is known of a lock.

    Attributes:
        lock: its path in the project.
        where: how near to production its packages get: one of `WHERE`.
        packages: how many versions it holds.
        unanswered: for how many of them there was no answer.
        silence: why.
    """

    lock: str
    where: str
    packages: int
    faults: tuple[Fault, ...]
    unanswered: int = 0
    silence: str = ""

    @property
    def fails(self) -> bool:
        """Whether something must be done about it."""
        return self.where in NEAR_PRODUCTION and any(fault.accepted is None for fault in self.faults)


def where(lock: str) -> str:
    """How near to production the packages of a lock get; a gateway's lies in the folder that Fly gets."""
    folder, _, name = lock.rpartition("/")
    if folder.startswith("fly/"):
        return "development" if name == "requirements-test.lock" else "production"
    return {"": "operator", "ops/targets/local": "rehearsal"}.get(folder, "development")


def python_pins(lock: Path) -> list[Pin]:
    """Every version that a lock holds, for whichever machine."""
    lines = lock.read_text(encoding="utf-8").splitlines()
    wanted = [Requirement(line.rstrip("\\ ")) for line in lines if line[:1].isalnum()]
    return [(canonicalize_name(it.name), str(it.specifier).removeprefix("==")) for it in wanted]


def locks(root: Path = ROOT) -> list[str]:
    """Every lock of a checkout that is audited, by its path.

    Raises:
        RunbookError: PROC-001 without git, PROC-002 where `root` is no checkout.
    """
    listed = proc.run(["git", "ls-files", "*.lock", "*package-lock.json"], cwd=root, timeout=60).stdout
    return [name for name in listed.splitlines() if not name.startswith(LEFT_OUT)]


def accepted(file: Path = ACCEPTED) -> tuple[Acceptance, ...]:
    """The faults that are lived with.

    Raises:
        RunbookError: CLI-018 when the file is not as its first lines say.
    """
    try:
        return msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), type=_Acceptances).accepted
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise RunbookError(
            "CLI-018", f"{file.name} cannot be read: {error}", next="mend it; its first lines say how"
        ) from None


def audit(
    locks: Sequence[str],
    root: Path = ROOT,
    living_with: Sequence[Acceptance] = (),
    today: datetime.date | None = None,
) -> list[Audited]:
    """Ask for everything these locks hold, each version once.

    Args:
        locks: paths in `root`; a `package-lock.json` is npm's, any other one is pip's.
        living_with: faults that do not count while their date is not over.
    """
    now = today or datetime.datetime.now(datetime.UTC).date()
    lived = {(it.package, it.id): it for it in living_with if it.until >= now}
    pips = {lock: python_pins(root / lock) for lock in locks if not lock.endswith(".json")}
    of_python = advisories.of_python([pin for pins in pips.values() for pin in pins])
    made = []
    for lock in sorted(locks, key=_nearest_first):
        answer = of_python if lock in pips else advisories.of_npm(root / lock)
        pins = pips[lock] if lock in pips else list(advisories.npm_pins(root / lock).values())
        made.append(_audited(lock, sorted(set(pins)), answer, lived))
    return made


def lines(found: Sequence[Audited]) -> list[str]:
    """What a person reads: a line for each lock, one for each fault, and at the end why some were not answered."""
    said = []
    for it in found:
        if it.unanswered == it.packages:
            known = "unknown: no advisories could be reached"
        else:
            known = f"{len(it.faults)} known faults" if it.faults else "none known"
            known += f"; unknown of {it.unanswered}: they were not answered" if it.unanswered else ""
        said.append(f"{it.lock} ({it.where}, {it.packages} packages): {known}")
        for fault in it.faults:
            mended = f"fixed in {', '.join(fault.advisory.fixed)}" if fault.advisory.fixed else "no fix named"
            lived = f"; accepted until {fault.accepted.until}: {fault.accepted.reason}" if fault.accepted else ""
            said.append(f"  {fault.package} {fault.version}: {', '.join(fault.advisory.ids)}; {mended}{lived}")
    return said + sorted({it.silence for it in found if it.silence})


def as_json(found: Sequence[Audited]) -> str:
    """The same for programs; `known` is null where not all was answered and nothing was found."""
    rows = []
    for it in found:
        row = msgspec.to_builtins(it)
        row["known"] = len(it.faults) if it.faults or not it.unanswered else None
        row["fails"] = it.fails
        rows.append(row)
    return json.dumps({"locks": rows, "exit": exit_code(found)}, indent=2)


def exit_code(found: Sequence[Audited]) -> int:
    """1 for a fault near production that nobody has accepted, else 3 where something could not be asked, else 0."""
    if any(it.fails for it in found):
        return EXIT_FAILED
    return EXIT_BLOCKED if any(it.unanswered for it in found) else 0


def _audited(
    lock: str, pins: Sequence[Pin], answer: Answer, living_with: Mapping[tuple[str, str], Acceptance]
) -> Audited:
    faults = [
        Fault(*pin, advisory, next(filter(None, (living_with.get((pin[0], id)) for id in advisory.ids)), None))
        for pin in pins
        for advisory in answer.known.get(pin, ())
    ]
    unanswered = sum(pin not in answer.known for pin in pins)
    return Audited(lock, where(lock), len(pins), tuple(faults), unanswered, answer.silence if unanswered else "")


def _nearest_first(lock: str) -> tuple[int, str]:
    return WHERE.index(where(lock)), lock
