"""Commands that only look: plan, status, doctor, explain. And `phase`, the runbook by numbers."""

from __future__ import annotations

from invoke import Context, Exit

from ops.commands import task
from ops.dry import LOOKS, Plans
from ops.runbook.errors import EXIT_FAILED, RunbookError


def phase(c: Context, n: str = "", target: str = "", json: bool = False, yes: bool = False) -> None:
    """Run one phase by its number: inv phase --n 1 ... --n 5."""
    from ops import session

    session.execute(c, _steps_of(n, target), target, json, yes)


def _steps_of(n: str = "", target: str = "", **options: object) -> list[str]:
    """The keys of phase `n`.

    Raises:
        RunbookError: CLI-001 there is no such phase.
    """
    from ops import session

    names = {"1": "setup", "2": "build", "3": "deploy", "4": "test", "5": "document"}
    if n not in names:
        raise RunbookError(
            "CLI-001",
            f"there is no phase '{n}'" if n else "which phase?",
            why="phases are 1 setup, 2 build, 3 deploy, 4 test, 5 document",
            next="inv phase --n 1",
        )
    world = session.open_world(target)
    _ = world.stack
    return [step.key for step in session.all_steps(world).values() if step.phase == int(n)]


def plan(c: Context, target: str = "", json: bool = False, n: str = "", all: bool = False, cost: bool = False) -> None:
    """What deploy.all would do, changing nothing. Exit 0 nothing to do, 2 changes pending, 1 error, 3 blocked.

    --n 2 plans one phase, --all plans all five, --cost estimates the monthly bill instead.
    """
    from ops import session

    world = session.open_world(target)
    _ = world.stack
    if cost:
        from ops.cost import show

        show(world.stack, json)
        return
    if n and n not in ("1", "2", "3", "4", "5"):
        raise RunbookError("CLI-001", f"there is no phase '{n}'", why="phases are 1 to 5", next="inv plan --n 1")
    phases = {int(n)} if n else {1, 2, 3, 4, 5} if all else {1, 2, 3}
    keys = [step.key for step in session.all_steps(world).values() if step.phase in phases]
    code = session.show_plan(keys, target, json)
    if code:
        raise Exit(code=code)


def status(c: Context, target: str = "", json: bool = False) -> None:
    """The acceptance checklist, each line with live evidence; endpoints included."""
    from ops import acceptance, session

    world = session.open_world(target)
    _ = world.stack
    report = acceptance.gather(world)
    print(acceptance.as_json(report) if json else acceptance.as_text(report))
    if not report.complete:
        raise Exit(code=EXIT_FAILED)


def doctor(c: Context, target: str = "", json: bool = False) -> None:
    """What this machine lacks for this target, and how to get it."""
    from ops import session
    from ops.runbook.report import document

    world = session.open_world(target)
    lines = list(world.target.requirements())
    if json:
        print(document("doctor", target=world.target_name, requirements=[vars(line) for line in lines]))
    else:
        for line in lines:
            print(f"{'ok' if line.ok else 'MISSING':<8} {line.name}: {line.found}")
            if not line.ok and line.get:
                print(f"         get it: {line.get}")
    if not all(line.ok for line in lines):
        raise Exit(code=EXIT_FAILED)


def explain(c: Context, code: str) -> None:
    """What an error code means, at length: inv explain VAULT-002."""
    from ops.explain import text

    print(text(code))


TASKS = (
    task(phase, dry=Plans(_steps_of), n="1 setup, 2 build, 3 deploy, 4 test, 5 document"),
    task(
        plan,
        dry=LOOKS,
        n="plan this phase only",
        all="plan all five phases",
        cost="estimate the monthly bill from stack.toml",
    ),
    task(status, dry=LOOKS),
    task(doctor, dry=LOOKS),
    task(explain, dry=LOOKS, code="as printed behind 'error' or 'more'"),
)
