"""Commands that only look: plan, status, doctor, explain. And `phase`, the runbook by numbers."""

from __future__ import annotations

from invoke import Context, Exit

from ops.commands.dry import LOOKS, Looks, Plans
from ops.commands.task import task
from ops.phases.table import phases
from ops.runbook.errors import EXIT_FAILED, RunbookError

NEWEST_RUNS = 20
PHASES = ", ".join(f"{phase.number} {phase.name}" for phase in phases())


def phase(c: Context, n: str = "", target: str = "", json: bool = False, yes: bool = False) -> None:
    """Run one phase by its number: inv phase --n 1."""
    from ops.session.running import execute

    execute(c, _steps_of(n, target), target, json, yes)


def _steps_of(n: str = "", target: str = "", **options: object) -> list[str]:
    """The keys of phase `n`.

    Raises:
        RunbookError: CLI-001 there is no such phase.
    """
    from ops.phases.table import all_steps
    from ops.session.opening import open_deployment

    number = _number(n, "inv phase --n 1")
    deployment = open_deployment(target)
    _ = deployment.stack
    return [step.key for step in all_steps(deployment).values() if step.phase == number]


def _number(n: str, next: str) -> int:
    """The number of a phase, as typed.

    Raises:
        RunbookError: CLI-001 there is no such phase.
    """
    if n not in {str(phase.number) for phase in phases()}:
        what = f"there is no phase '{n}'" if n else "which phase?"
        raise RunbookError("CLI-001", what, why=f"phases are {PHASES}", next=next)
    return int(n)


def plan(
    c: Context,
    target: str = "",
    json: bool = False,
    n: str = "",
    all: bool = False,
    cost: bool = False,
    out: str = "",
) -> None:
    """What deploy.all would do, changing nothing. Exit 0 nothing to do, 2 changes pending, 1 error, 3 blocked.

    --n 2 plans one phase, --all plans every phase, --cost estimates the monthly bill instead. --out keeps the plan in
    a file, which deploy.all --plan applies as it stands, or not at all.
    """
    from ops.phases.table import all_steps, included, phase_named
    from ops.session.opening import open_deployment
    from ops.session.planning import show_plan

    deployment = open_deployment(target)
    _ = deployment.stack
    if cost:
        from ops.session.cost import show

        show(deployment.stack, json)
        return
    if n:
        wanted = {_number(n, "inv plan --n 1")}
    elif all:
        wanted = {phase.number for phase in phases()}
    else:
        wanted = {step.phase for step in included(phase_named("deploy"))}
    keys = [step.key for step in all_steps(deployment).values() if step.phase in wanted]
    code = show_plan(keys, target, json, out=out)
    if code:
        raise Exit(code=code)


def status(c: Context, target: str = "", json: bool = False) -> None:
    """The acceptance checklist, each line with live evidence; endpoints included."""
    from ops.reports import acceptance
    from ops.session.opening import open_deployment

    deployment = open_deployment(target)
    _ = deployment.stack
    report = acceptance.gather(deployment)
    print(acceptance.as_json(report) if json else acceptance.as_text(report))
    if not report.complete:
        raise Exit(code=EXIT_FAILED)


def doctor(c: Context, target: str = "", json: bool = False) -> None:
    """What this machine lacks for this target, and how to get it."""
    from ops.runbook.report import document
    from ops.session.opening import open_deployment

    deployment = open_deployment(target)
    lines = list(deployment.target.requirements())
    if json:
        print(document("doctor", target=deployment.target_name, requirements=[vars(line) for line in lines]))
    else:
        for line in lines:
            print(f"{'ok' if line.ok else 'MISSING':<8} {line.name}: {line.found}")
            if not line.ok and line.get:
                print(f"         get it: {line.get}")
    if not all(line.ok for line in lines):
        raise Exit(code=EXIT_FAILED)


def explain(c: Context, code: str, target: str = "") -> None:
    """What an error code (inv explain VAULT-002) means on this target, at length."""
    from ops.document.explain import only_on, text
    from ops.runbook.advice import advice
    from ops.runbook.table import wrapped
    from ops.session.opening import speaking_of

    # A code of one target alone is explained for that one, whichever is in use.
    print(wrapped(advice(text(code, speaking_of(only_on(code) or target)))))


def journal(c: Context, target: str = "", run: int = 0, html: bool = False, json: bool = False) -> None:
    """Past runs: who, what, how long, what changed; --run N shows its steps as bars, --html as a page."""
    from dataclasses import asdict

    from ops.phases.table import all_steps
    from ops.reports import history, switches, timeline
    from ops.runbook import table
    from ops.runbook.journal import Journal
    from ops.runbook.report import document
    from ops.session.opening import open_deployment

    deployment = open_deployment(target)
    events = list(Journal(deployment.paths.state / "journal.jsonl").read())
    runs = history.read(events)
    if not run and not html:
        newest = runs[-NEWEST_RUNS:]
        told = [asdict(each) for each in newest]
        thrown = switches.history(events, NEWEST_RUNS)
        if json:
            print(document("journal", runs=told, switches=thrown))
        else:
            print("\n".join([*timeline.overview(newest), *(["", "kill switches", *thrown] if thrown else [])]))
        return
    found = next((each for each in reversed(runs) if run in (0, each.number)), None)
    if found is None:
        raise RunbookError("CLI-013", f"there is no run {run or 'yet'}", next="inv journal")
    chain = history.longest_chain(found, {step.key: step.needs for step in all_steps(deployment).values()})
    if html:
        print(timeline.page(found, chain))
    elif json:
        print(document("journal", runs=[asdict(found)], longest_chain=sorted(chain)))
    else:
        print("\n".join(timeline.bars(found, chain, table.width())))


TASKS = (
    task(phase, dry=Plans(_steps_of), n=PHASES),
    task(
        plan,
        dry=Looks(but=("out",)),
        n="plan this phase only",
        all="plan every phase",
        cost="estimate the monthly bill from stack.toml",
        out="keep the plan in this file",
    ),
    task(status, dry=LOOKS),
    task(doctor, dry=LOOKS),
    task(journal, dry=LOOKS, run="this run, by its number", html="a run as a page, on standard output"),
    task(explain, dry=LOOKS, code="as printed behind 'error' or 'more'"),
)
