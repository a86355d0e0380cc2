"""Taking this rehearsal down: containers, network, volumes and images, and what is kept of them here."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING

from ops.runbook.errors import RunbookError
from ops.runbook.step import Say
from ops.targets.containers import images
from ops.targets.containers.running import MOVE_S

if TYPE_CHECKING:
    from ops.targets.containers.project import Project
    from ops.targets.workspace import Workspace

NOT_CONFIRMED = "ENGINE-011"
# Of the state folder; the run's own lock and journal stay.
KEPT_HERE = ("env", "files", "secrets", "standins")
FILES = ("ports.json", "containers.json", "stage", "authority.crt", "digest.key")


def confirm(project: Project, typed: str) -> None:
    """Go on only if the operator has typed the project's name.

    Raises:
        RunbookError: ENGINE-011 something else, or nothing, was typed.
    """
    if typed.strip() != project.name:
        raise RunbookError(
            NOT_CONFIRMED,
            "nothing was destroyed" + (f": '{typed.strip()}' is not {project.name}" if typed.strip() else ""),
            why="this destroys every container, volume and image of this rehearsal, its vault among them",
            next=f"inv deploy.destroy --name {project.name} --target containers",
            blocked=True,
        )


def destroy(workspace: Workspace, project: Project, say: Say) -> list[str]:
    """Destroy it. Safe to be killed and repeated.

    Returns:
        Names of what was destroyed.
    """
    engine, done = project.engine, []
    for seen in project.seen():
        say(f"removing {seen.name}")
        # Podman would first ask it to stop, and wait as long as it may take; docker kills.
        at_once = ("--time", "0") if engine.kind == "podman" else ()
        engine.run(f"removing {seen.name}", "rm", "--force", "--volumes", *at_once, seen.name, timeout=MOVE_S)
        done.append(seen.name)
    for kind, form in (("network", "{{.Name}}"), ("volume", "{{.Name}}")):
        listed = engine.run(f"listing {kind}s", kind, "ls", *project.filters(), "--format", form).stdout.split()
        for name in listed:
            engine.run(f"removing {name}", kind, "rm", name, timeout=MOVE_S)
            done.append(f"{kind} {name}")
    done += _remove_images(project, say)
    for folder in KEPT_HERE:
        shutil.rmtree(project.state / folder, ignore_errors=True)
    for file in (*(project.state / name for name in FILES), workspace.vault.path, workspace.vault.previous):
        file.unlink(missing_ok=True)
    return done


def _remove_images(project: Project, say: Say) -> list[str]:
    """Remove the images of this project by name, then what its builds have left in the cache and nothing uses."""
    engine = project.engine
    named = engine.run("listing images", "images", "--format", "{{.Repository}}:{{.Tag}}").stdout.split()
    mine = [name for name in named if name.startswith(f"localhost/{project.name}-")]
    for name in mine:
        say(f"removing {name}")
        engine.run(f"removing {name}", "rmi", "--force", name, timeout=MOVE_S)
    left = images.left_behind(project)
    # A layer may lie on another: some go only once those above them are gone.
    while there := left & images.nameless(project):
        for image in there:
            with contextlib.suppress(RunbookError):
                engine.run(f"removing {image}", "rmi", image, timeout=MOVE_S)
        if left & images.nameless(project) == there:
            break
    return mine
