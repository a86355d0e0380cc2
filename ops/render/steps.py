"""Steps 2.1 to 2.4: files that are as rendered, and that the tools which will read them accept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ops.render import files
from ops.runbook.errors import RunbookError
from ops.runbook.step import Look, Say, drifted, missing, satisfied

if TYPE_CHECKING:
    from ops.stack import Stack
    from ops.validate.finding import Finding
    from ops.world import World


@dataclass(frozen=True)
class Rendered:
    """A set of rendered files that belong to one step.

    Attributes:
        key: names its note of the last validation.
        what: as an operator reads it.
        files: the rendered files, relative to the stack's folder.
        inputs: further files the verdict depends on.
        programs: the tools the verdict depends on.
        check: asks the tools.
    """

    key: str
    what: str
    files: Callable[[Stack], tuple[str, ...]]
    check: Callable[[World], list[Finding]]
    programs: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()

    def look(self, world: World) -> Look:
        """Compare what is on disk with what the stack says, and whether just that has been validated."""
        from ops.validate import stamp

        wanted = self.files(world.stack)
        difference = files.drift(world, wanted)
        if difference:
            absent = [name for name in wanted if not (world.gateway_dir / name).exists()]
            if len(absent) == len(wanted):
                return missing(f"{_count(wanted)} not rendered yet")
            return drifted(f"differs from the stack: {_changed(difference)}", difference)
        warnings = stamp.read(world, self.key, self._subject(world))
        if warnings is None:
            return missing(f"{_count(wanted)} as the stack says, not validated yet")
        return satisfied("; ".join([f"{_count(wanted)} as the stack says, valid", *warnings]))

    def act(self, world: World, say: Say) -> None:
        """Render what differs, validate, and note the verdict.

        Raises:
            RunbookError: BUILD-001 a file cannot be written, BUILD-002 a tool or a rule objects.
        """
        from ops.validate import stamp

        try:
            for name in files.write(world, self.files(world.stack)):
                say(f"rendered {name}")
        except OSError as error:
            raise RunbookError(
                "BUILD-001",
                f"{error.filename or world.gateway_dir}: {error.strerror}",
                why="a rendered file cannot be written; each file is whole, old or new",
                next="make room or set the permissions, then inv build.all",
            ) from None
        subject = self._subject(world)
        say(f"validating {self.what}")
        findings = self.check(world)
        errors = [str(finding) for finding in findings if not finding.warning]
        if errors:
            raise RunbookError(
                "BUILD-002",
                f"{self.what}: {_plural(len(errors), 'fault')}",
                why="\n".join(errors[:20]),
                next=f"edit {_shown(world, world.paths.stack_file)}, then inv build.all",
            )
        stamp.write(world, self.key, subject, [str(finding) for finding in findings])

    def _subject(self, world: World) -> str:
        """Digest of all the verdict depends on."""
        from ops.validate import stamp, tools

        texts = []
        for name in (*self.files(world.stack), *self.inputs):
            file = world.gateway_dir / name
            texts.append(file.read_text(encoding="utf-8", errors="replace") if file.is_file() else "")
        return stamp.digest([*texts, *tools.identity(world, *self.programs)])


def _count(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} files"


def _changed(difference: str) -> str:
    """The names of the files in a difference."""
    marks = ("+++ b/", "--- a/")
    names = (line[len(marks[0]) :] for line in difference.splitlines() if line.startswith(marks))
    return ", ".join(dict.fromkeys(names))


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _shown(world: World, file: Path) -> str:
    """A path as an operator in the checkout would type it."""
    return str(file.relative_to(world.paths.root)) if file.is_relative_to(world.paths.root) else str(file)


def _dockerfile(world: World) -> list[Finding]:
    from ops.validate import checks

    return checks.dockerfile(world)


def _scripts(world: World) -> list[Finding]:
    from ops.validate import checks

    return checks.scripts(world)


def _config(world: World) -> list[Finding]:
    from ops.validate import checks

    return checks.litellm_config(world)


def _fly(world: World) -> list[Finding]:
    from ops.validate import checks

    return checks.fly(world)


DOCKERFILE = Rendered(
    "dockerfile",
    "Dockerfile",
    lambda stack: files.DOCKERFILE,
    _dockerfile,
    programs=("hadolint",),
    inputs=("requirements.lock",),
)
SCRIPTS = Rendered("scripts", "start scripts", lambda stack: files.SCRIPTS, _scripts, programs=("shellcheck",))
CONFIG = Rendered("config", "LiteLLM config", lambda stack: files.LITELLM, _config, inputs=("llm_gateway/config.py",))
FLY = Rendered("fly", "Fly, edge and store files", files.platform_files, _fly, programs=("caddy", "hadolint", "flyctl"))

look_dockerfile, act_dockerfile = DOCKERFILE.look, DOCKERFILE.act
look_scripts, act_scripts = SCRIPTS.look, SCRIPTS.act
look_config, act_config = CONFIG.look, CONFIG.act
look_fly, act_fly = FLY.look, FLY.act
