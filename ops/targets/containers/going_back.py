"""Going back to the image before, and holding it there until somebody lifts the hold or the files change."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from ops.runbook.errors import RunbookError
from ops.runbook.journal import now
from ops.runbook.step import Say
from ops.targets.containers import images

if TYPE_CHECKING:
    from ops.targets.containers.groups import Groups
    from ops.targets.containers.project import Project
    from ops.targets.containers.release import Release
    from ops.targets.workspace import Workspace

NOTHING = "ENGINE-010"
LIFT = "inv deploy.all --release --target containers"


def rollback(workspace: Workspace, project: Project, groups: Groups, release: Release, say: Say, to: str) -> str:
    """Put an earlier image into service, one container at a time; one line that says what runs now.

    Args:
        to: a reference; that of the last good release but the present when empty.

    Raises:
        RunbookError: ENGINE-010 there is none to go back to; ENGINE-009 it does not get healthy.
    """
    present = groups.image(workspace)
    good = [str(each) for each in project.memory.get("good", "images").get("list", [])]
    image = to or next((each for each in reversed(good) if each != present and images.found(project, each)), "")
    if not image or not images.found(project, image):
        raise RunbookError(
            NOTHING,
            f"there is no image {to}" if to else f"{project.app} has no earlier good image than {present}",
            why=f"images that were good here: {', '.join(good) or 'none'}",
            next="inv deploy.all --target containers",
        )
    # First: whoever goes on after this was killed is to go back as well, and not forward again.
    wanted = images.gateway(workspace, project)
    project.memory.forget("hold", "gateway")
    if image != wanted:
        project.memory.put("hold", "gateway", {"image": image, "instead_of": wanted, "at": now()})
    release.act(workspace, say)
    return f"{project.app} runs {image}, all groups healthy; it stays until {LIFT}, or a new image"


def refuse_fast() -> NoReturn:
    """Say that containers are replaced one at a time only.

    Raises:
        RunbookError: ENGINE-013.
    """
    raise RunbookError(
        "ENGINE-013",
        "containers are replaced one at a time, so there is no --fast here; nothing was changed",
        next="inv deploy.rollback --target containers",
    )


def end_hold(project: Project) -> str:
    """Let the next deploy go forward again; one line that says what was held, empty when nothing was."""
    held = str(project.memory.get("hold", "gateway").get("image", ""))
    project.memory.forget("hold", "gateway")
    return f"{held} is no longer held" if held else "nothing is held"
