"""Steps 2.1 to 2.4: files that are as rendered, and that the tools which will read them accept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ops.build import files
from ops.description import typed
from ops.render import files as names
from ops.runbook.errors import RunbookError
from ops.runbook.step import Look, Say, drifted, missing, satisfied
from ops.validate import stamp
from ops.validate.tools import Place, identity

if TYPE_CHECKING:
    from ops.description.stack import Stack
    from ops.targets.workspace import Workspace
    from ops.validate.finding import Finding


@dataclass(frozen=True)
class Rendered:
    """A set of rendered files that belong to one step.

    Attributes:
        key: names its note of the last validation.
        what: as an operator reads it.
        files: the rendered files, relative to the stack's folder.
        inputs: further files the verdict depends on.
        programs: the tools the verdict depends on.
        check: names the function of `ops.build.checks` that asks the tools; imported when it is called.
    """

    key: str
    what: str
    files: Callable[[Stack], tuple[str, ...]]
    check: str
    programs: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()

    def look(self, workspace: Workspace) -> Look:
        """Compare what is on disk with what the stack says, and whether just that has been validated."""
        wanted = self.files(workspace.stack)
        verdict = stamp.read(self._note(workspace), _rules(), self._subject(workspace))
        # The very files that this description was rendered to: rendering it again would only take time.
        if verdict is not None and verdict.source == _source(workspace):
            return self._satisfied(verdict, wanted)
        difference = files.drift(workspace.stack, workspace.gateway_dir, wanted)
        if difference:
            absent = [name for name in wanted if not (workspace.gateway_dir / name).exists()]
            if len(absent) == len(wanted):
                return missing(f"{_count(wanted)} not rendered yet")
            return drifted(f"differs from the stack: {_changed(difference)}", difference)
        if verdict is None:
            return missing(f"{_count(wanted)} as the stack says, not validated yet")
        return self._satisfied(verdict, wanted)

    def _satisfied(self, verdict: stamp.Verdict, wanted: tuple[str, ...]) -> Look:
        return satisfied("; ".join([f"{_count(wanted)} as the stack says, valid", *verdict.warnings]))

    def act(self, workspace: Workspace, say: Say) -> None:
        """Render what differs, validate, and note the verdict.

        Raises:
            RunbookError: BUILD-001 a file cannot be written, BUILD-002 a tool or a rule objects.
        """
        source = _source(workspace)
        try:
            for name in files.write(workspace.stack, workspace.gateway_dir, self.files(workspace.stack)):
                say(f"rendered {name}")
        except OSError as error:
            raise RunbookError(
                "BUILD-001",
                f"{error.filename or workspace.gateway_dir}: {error.strerror}",
                why="a rendered file cannot be written; each file is whole, old or new",
                next="make room or set the permissions, then inv build.all",
            ) from None
        subject = self._subject(workspace)
        say(f"validating {self.what}")
        findings = self._check(workspace)
        errors = [str(finding) for finding in findings if not finding.warning]
        if errors:
            raise RunbookError(
                "BUILD-002",
                f"{self.what}: {_plural(len(errors), 'fault')}",
                why="\n".join(errors[:20]),
                next=f"edit {_shown(workspace, workspace.paths.stack_file)}, then inv build.all",
            )
        workspace.paths.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        verdict = stamp.Verdict([str(finding) for finding in findings], source)
        stamp.write(self._note(workspace), _rules(), subject, verdict)

    def _check(self, workspace: Workspace) -> list[Finding]:
        from ops.build import checks

        check: Callable[[Stack, Place], list[Finding]] = getattr(checks, self.check)
        return check(workspace.stack, _place(workspace))

    def _note(self, workspace: Workspace) -> Path:
        """Where the last validation is noted."""
        return workspace.paths.state / "validated" / f"{self.key}.json"

    def _subject(self, workspace: Workspace) -> str:
        """Digest of all the verdict depends on."""
        texts = []
        for name in (*self.files(workspace.stack), *self.inputs):
            file = workspace.gateway_dir / name
            there = file.is_file()
            texts.append(file.read_text(encoding="utf-8", errors="replace") if there else "")
            texts.append("executable" if there and file.stat().st_mode & 0o100 else "")
        return stamp.digest([*texts, *identity(_place(workspace), *self.programs)])


def _place(workspace: Workspace) -> Place:
    return Place(workspace.gateway_dir, workspace.paths.root, workspace.environ.get("PATH", ""))


def _rules() -> str:
    """Digest of the rules that files are judged by."""
    return stamp.rules(Path(stamp.__file__).parent, Path(__file__).parent)


def _source(workspace: Workspace) -> str:
    """Digest of all that rendering depends on: the description, the templates and the code."""
    return stamp.digest([typed.encode(workspace.stack).decode(), names.source()])


def _count(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} files"


def _changed(difference: str) -> str:
    """The names of the files in a difference."""
    marks = ("+++ b/", "--- a/")
    names = (line[len(marks[0]) :] for line in difference.splitlines() if line.startswith(marks))
    return ", ".join(dict.fromkeys(names))


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _shown(workspace: Workspace, file: Path) -> str:
    """A path as an operator in the checkout would type it."""
    return str(file.relative_to(workspace.paths.root)) if file.is_relative_to(workspace.paths.root) else str(file)


DOCKERFILE = Rendered(
    "dockerfile",
    "Dockerfile",
    lambda stack: names.DOCKERFILE,
    "dockerfile",
    programs=("hadolint",),
    inputs=("requirements.lock",),
)
SCRIPTS = Rendered("scripts", "start scripts", lambda stack: names.SCRIPTS, "scripts", programs=("shellcheck",))
CONFIG = Rendered(
    "config", "LiteLLM config", lambda stack: names.LITELLM, "litellm_config", inputs=("llm_gateway/config.py",)
)
FLY = Rendered(
    "fly", "Fly, edge and store files", names.platform_files, "fly", programs=("caddy", "hadolint", "flyctl")
)

look_dockerfile, act_dockerfile = DOCKERFILE.look, DOCKERFILE.act
look_scripts, act_scripts = SCRIPTS.look, SCRIPTS.act
look_config, act_config = CONFIG.look, CONFIG.act
look_fly, act_fly = FLY.look, FLY.act
