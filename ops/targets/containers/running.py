"""Having one container run as it is to be: looked at, started, replaced, and awaited."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ops.runbook.errors import RunbookError
from ops.runbook.interrupt import wait_until
from ops.runbook.secret import redactor
from ops.runbook.step import Look, Say, drifted, missing, satisfied
from ops.targets.local.layout import write_private
from ops.targets.local.ports import is_free

if TYPE_CHECKING:
    from ops.targets.containers.project import Project, Seen
    from ops.targets.containers.wish import Wish

ILL = "ENGINE-009"
PORT_TAKEN = "ENGINE-008"
LAST_LINES = 12
MOVE_S = 300.0  # for an engine to start or remove a container, on a busy machine

Check = Callable[[], str]
"""Why it is not well yet; empty when it is."""


def standing(project: Project, wish: Wish, check: Check) -> Look:
    """Whether the container runs as wished and is well. Changes nothing."""
    seen = next((seen for seen in project.of(wish.group) if seen.name == wish.name), None)
    return judged(project, wish, seen, check)


def judged(project: Project, wish: Wish, seen: Seen | None, check: Check) -> Look:
    """As `standing`, of a container that has been looked at."""
    if seen is None:
        return missing(f"no container {wish.name} yet")
    if seen.mark != wish.mark(project.key):
        return drifted(f"{wish.name} was made from what has changed since")
    if not seen.running:
        return drifted(f"{wish.name} does not run ({seen.state}, exit code {seen.exit_code})")
    if wrong := check():
        return drifted(f"{wish.name}: {wrong}")
    return satisfied(f"{wish.name} runs")


def ensure(project: Project, wish: Wish, check: Check, say: Say, *, patience: float = 120.0) -> None:
    """Have the container run as wished and be well; what is there and differs is replaced.

    Args:
        patience: seconds it may take to get well.

    Raises:
        RunbookError: ENGINE-007 its name is another's, ENGINE-008 a port is taken, ENGINE-009 it does not get well.
    """
    project.claim(wish.name)
    seen = next((seen for seen in project.of(wish.group) if seen.name == wish.name), None)
    if seen is not None and seen.mark == wish.mark(project.key) and seen.running:
        _await(project, wish, check, say, patience)
        return
    if seen is not None:
        say(f"stopping {wish.name}, to start it with what has changed")
        remove(project, wish.name, wish.stop_s)
    _check_ports(wish)
    say(f"starting {wish.name}")
    start(project, wish)
    _await(project, wish, check, say, patience)


def start(project: Project, wish: Wish) -> None:
    """Start a container; its environment goes through a file that only its owner can read."""
    variables = project.state / "env" / f"{wish.name}.env"
    write_private(variables, environment_text(wish))
    labels = project.label_words(group=wish.group, mark=wish.mark(project.key))
    words = wish.words(project.network, variables)
    engine = project.engine
    try:
        engine.run(f"starting {wish.name}", "run", "--detach", *engine.options.run, *labels, *words, timeout=MOVE_S)
    except RunbookError as error:
        said = error.why.lower()
        if "address already in use" in said or "port is already allocated" in said:
            raise _taken(wish, "one of its ports") from None
        raise
    finally:
        variables.unlink(missing_ok=True)


def environment_text(wish: Wish) -> str:
    """The variables as ``--env-file`` reads them, a line each.

    Raises:
        RunbookError: ENGINE-004 a value has more than one line.
    """
    for name, value in wish.variables.items():
        if "\n" in value:
            raise RunbookError(
                "ENGINE-004", f"{name} of {wish.name} has several lines, which no environment file holds"
            )
    return "".join(f"{name}={value}\n" for name, value in sorted(wish.variables.items()))


def remove(project: Project, name: str, stop_s: int = 10) -> None:
    """Stop a container in its own time and remove it, with its nameless volumes."""
    engine = project.engine
    engine.run(f"stopping {name}", "stop", "--time", str(stop_s), name, timeout=MOVE_S)
    engine.run(f"removing {name}", "rm", "--force", "--volumes", name, timeout=MOVE_S)


def last_lines(project: Project, name: str, lines: int = LAST_LINES) -> list[str]:
    """What a container said last, known secrets redacted."""
    done = project.engine.run(f"reading the log of {name}", "logs", "--tail", str(lines), name)
    return [redactor(line) for line in (done.stdout + done.stderr).splitlines()][-lines:]


def _await(project: Project, wish: Wish, check: Check, say: Say, patience: float) -> None:
    wrong, began = ["it was not asked yet"], time.monotonic()

    def well() -> bool:
        row = project.about(wish.name) or {"State": {"Status": "gone", "ExitCode": "?"}}
        if row["State"]["Status"] not in ("running", "created", "initialized"):
            wrong[0] = f"it has ended with exit code {row['State']['ExitCode']}"
            raise ended
        wrong[0] = check()
        return not wrong[0]

    ended = RunbookError(ILL, "ended")
    try:
        wait_until(well, what=f"{wish.name} to be well", timeout=patience, every=0.2, say=say, code=ILL)
        say(f"{wish.name} is well after {time.monotonic() - began:.1f} s")
    except RunbookError as error:
        if error.code != ILL:
            raise
        said = "\n".join(last_lines(project, wish.name)) if project.about(wish.name) else ""
        raise RunbookError(
            ILL,
            f"{wish.group} ({wish.name}) does not get healthy: {wrong[0]}",
            why=said or "it said nothing",
            next=f"inv deploy.logs --group {wish.group} --target containers; what comes after it was not started",
        ) from None


def _check_ports(wish: Wish) -> None:
    for outside in wish.ports.values():
        if not is_free(outside):
            raise _taken(wish, f"port {outside} on this machine's loopback")


def _taken(wish: Wish, what: str) -> RunbookError:
    numbers = ", ".join(map(str, wish.ports.values()))
    return RunbookError(
        PORT_TAKEN,
        f"{what}, where {wish.group} belongs, is taken by another program",
        why="this rehearsal's URLs hold it, so it is not changed silently",
        next=f"stop what listens there (of {numbers}: ss -ltnp), then inv deploy.all --target containers",
    )
