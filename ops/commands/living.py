"""Commands for living with a gateway: secrets, teams, cache, progress reports, the rehearsal, the project itself."""

from __future__ import annotations

import shlex
import sys
from functools import partial
from typing import Any

from invoke import Context, Exit, Task

from ops.commands import task
from ops.dry import LOOKS, Plans, Says
from ops.runbook.errors import EXIT_FAILED, RunbookError


def progress_show(c: Context, target: str = "", json: bool = False) -> None:
    """Which progress reports have not arrived, by name, and why; when the last one was delivered."""
    from dataclasses import asdict

    from ops.recording import outbox
    from ops.runbook.progress import age_hours
    from ops.runbook.report import document
    from ops.session import open_world

    box = outbox(open_world(target))
    waiting, last = box.undelivered(), box.last_delivery()
    if json:
        entries = [{**asdict(entry), "set_aside": entry.set_aside} for entry in waiting]
        print(document("progress", waiting=entries, last_delivery=last))
        return
    for entry in waiting:
        state = f"set aside after {entry.refused} attempts" if entry.set_aside else f"waiting since {entry.at}"
        print(f"{entry.name}: {state}: {entry.script} {shlex.join(entry.arguments)}")
        if entry.why:
            print(f"  why:  {entry.why}")
    hours = age_hours(last)
    print(f"{len(waiting)} not delivered; last delivered {'never' if hours is None else f'{hours:.1f} h ago'}")


def progress_flush(c: Context, target: str = "") -> None:
    """Deliver the waiting progress reports now, those set aside among them."""
    from ops.recording import outbox, scripts
    from ops.runbook.courier import deliver
    from ops.session import open_world

    world = open_world(target)
    done = deliver(outbox(world), scripts(world), again=True)
    print(f"{done.count} delivered")
    for problem in done.problems:
        print(f"not delivered: {problem}", file=sys.stderr)
    if done.problems:
        raise Exit(code=EXIT_FAILED)


def progress_drop(c: Context, name: str, target: str = "") -> None:
    """Give up a report that its script refuses for good: inv progress.drop complete-task-7."""
    from ops.recording import outbox
    from ops.session import open_world

    entry = outbox(open_world(target)).drop(name)
    print(f"{entry.name} dropped: {entry.script} {shlex.join(entry.arguments)}")


def _would_drop(name: str, target: str = "") -> str:
    from ops.recording import outbox
    from ops.session import open_world

    names = [entry.name for entry in outbox(open_world(target)).undelivered()]
    return f"would drop {name}" if name in names else f"there is no waiting report '{name}', nothing would be dropped"


def _would_flush(target: str = "") -> str:
    from ops.recording import outbox
    from ops.session import open_world

    return f"would try to deliver {len(outbox(open_world(target)).undelivered())} progress reports"


def local_down(c: Context, purge: bool = False) -> None:
    """Stop the rehearsal; nothing of it keeps running. Its data stays, unless --purge."""
    from ops.runbook import lock
    from ops.session import open_world
    from ops.targets.local.operate import down

    world = open_world("local")
    with lock.held(world.paths.state / "lock", "inv local.down"):
        stopped = down(world, partial(print, flush=True), purge=purge)
    print("\n".join(f"stopped {name}" for name in stopped) or "nothing was running")


def _would_stop(purge: bool = False) -> str:
    from ops.session import open_world
    from ops.targets.local.operate import status

    world = open_world("local")
    lines = [f"would stop {server.name}" for server in status(world) if server.pid]
    if purge and world.paths.state.exists():
        lines.append(f"would delete {world.paths.state}, the rehearsal's vault and data in it")
    return "\n".join(lines) or "nothing is running"


def local_status(c: Context, json: bool = False) -> None:
    """The rehearsal's processes: state, pid, uptime, port."""
    from dataclasses import asdict

    from ops.runbook.report import document
    from ops.session import open_world
    from ops.targets.local.operate import status

    servers = status(open_world("local"))
    if json:
        print(document("local", servers=[{**asdict(server), "log": str(server.log)} for server in servers]))
        return
    for server in servers:
        ports = ", ".join(f"{name} {number}" for name, number in server.ports.items())
        print(f"{server.name:<12} {server.state:<9} pid {server.pid:<7} up {server.up_s:>6} s  {ports}".rstrip())


def local_logs(c: Context, name: str = "gateway", lines: int = 50) -> None:
    """The last lines of a rehearsal process's log: inv local.logs --name edge."""
    from ops.session import open_world
    from ops.targets.local.operate import logs

    for line in logs(open_world("local"), name, lines):
        print(line)


def check(c: Context) -> None:
    """Lint, types and tests: everything that must be green."""
    from ops.development import check as run

    if not run():
        raise Exit(code=EXIT_FAILED)


def gateway_environment(c: Context) -> None:
    """Make the environment of the gateway's tests and benchmarks, from its development lock."""
    from ops.development import make_gateway_environment

    make_gateway_environment()


def tsx(c: Context) -> None:
    """Install the TypeScript runner that the progress scripts' test uses."""
    from ops.development import make_tsx

    make_tsx()


def clients(c: Context, lock: bool = False) -> None:
    """Install other people's clients, which the tests run against the gateway; --lock resolves their locks anew."""
    from ops import clients

    if lock:
        clients.lock()
    clients.make()


def bench(c: Context, name: str, json: bool = False) -> None:
    """Run a benchmark of tests/bench: inv dev.bench semantic_quality."""
    from ops.development import bench as run

    code = run(name, json)
    if code:
        raise Exit(code=code)


def local_environment(c: Context, json: bool = False) -> None:
    """Only make the gateway's Python environment, without starting anything."""
    from ops.session import execute

    execute(c, ["local.environment"], "local", json)


def vault_remove(c: Context, name: str, target: str = "") -> None:
    """Take a secret out of the vault that the contract no longer knows, such as a removed team's key."""
    from ops.runbook.advice import advice
    from ops.session import open_world
    from ops.vault import rotate

    print(advice(rotate.remove(open_world(target), name)))


def lock(c: Context) -> None:
    """Resolve the runbook's lock anew from pyproject.toml."""
    from ops.development import lock as run

    run()


def vault_list(c: Context, target: str = "", json: bool = False) -> None:
    """The secrets: origin, age, readers, when they are due; never a value."""
    from ops.session import open_world
    from ops.vault import report

    world = open_world(target)
    print(report.as_json(world) if json else report.as_text(world))


def vault_get(c: Context, name: str, target: str = "") -> None:
    """One secret's value on standard output, for scripts: inv vault.get ADMIN_KEY."""
    from ops.session import open_world
    from ops.vault.deliver import value_of

    sys.stdout.write(value_of(open_world(target), name).reveal())
    if sys.stdout.isatty():
        sys.stdout.write("\n")


def vault_rotate(c: Context, name: str, target: str = "", yes: bool = False) -> None:
    """Make a new value for a generated secret; says what to run next to bring it into service."""
    from ops.runbook.advice import advice
    from ops.session import open_world
    from ops.vault import rotate

    print(advice(rotate.rotate(open_world(target), name, confirmed=yes)))


def _would_rotate(name: str, target: str = "", yes: bool = False) -> str:
    from ops.session import open_world
    from ops.vault import rotate

    try:
        return rotate.rotate(open_world(target), name, confirmed=False)
    except RunbookError as error:
        if error.code != "VAULT-019":
            raise
        return "\n".join(filter(None, (error.what, error.why)))


def vault_audit(c: Context, target: str = "", json: bool = False) -> None:
    """Secrets overdue, malformed, missing or unknown; exit 1 if any."""
    from ops.session import open_world
    from ops.vault import audit

    world = open_world(target)
    findings = audit.findings(world)
    print(audit.as_json(findings) if json else audit.as_text(findings))
    if findings:
        raise Exit(code=EXIT_FAILED)


def cache_stats(c: Context, target: str = "", json: bool = False) -> None:
    """Entries, bytes, hits and misses of the two caches, by team."""
    from ops.services.gateway_admin import show

    show("cache", target, json)


def cache_purge(c: Context, team: str = "", entry: str = "", target: str = "") -> None:
    """Forget a team's cached answers, or one entry of it: inv cache.purge --team NAME."""
    if not team:
        raise RunbookError("CLI-006", "which team?", next="inv teams.show, then inv cache.purge --team NAME")
    from ops.services.gateway_admin import purge

    print(purge(team, entry, target))


def _would_purge(team: str = "", entry: str = "", target: str = "") -> str:
    from ops.session import open_world

    name = open_world(target).team(team).name
    return f"would forget {f'entry {entry}' if entry else 'every cached answer'} of {name}; inv cache.stats counts them"


def _would_take_back(entry: str = "", target: str = "") -> str:
    return f"would take back {entry or 'the entry named'}: forget the answer, turn its verdict, move the threshold"


def cache_wrong(c: Context, entry: str = "", target: str = "") -> None:
    """Take back an answer that was wrong for its question: inv cache.wrong --entry ID.

    The ID is the answer's x-gateway-cache-entry header, which its trace shows as well. The answer is forgotten, the
    verdict that served it turns into a no, and the similarity from which answers are served without a verdict moves.
    """
    if not entry:
        raise RunbookError("CLI-010", "which answer?", next="inv cache.wrong --entry semantic:...")
    from ops.services.gateway_admin import wrong

    print(wrong(entry, target))


def teams_show(c: Context, target: str = "", json: bool = False) -> None:
    """Every team's limits and what it has used of them right now."""
    from ops.services.gateway_admin import show

    show("teams", target, json)


COLLECTIONS: dict[str, tuple[Task[Any], ...]] = {
    "vault": (
        task(vault_list, "list", dry=LOOKS),
        task(vault_get, "get", dry=LOOKS, name="the secret's name"),
        task(vault_rotate, "rotate", dry=Says(_would_rotate), name="the secret's name", yes="do not ask"),
        task(vault_audit, "audit", dry=LOOKS),
        task(vault_remove, "remove", name="the secret's name"),
    ),
    "teams": (task(teams_show, "show", dry=LOOKS),),
    "cache": (
        task(cache_stats, "stats", dry=LOOKS),
        task(cache_purge, "purge", dry=Says(_would_purge), team="whose answers", entry="only this entry"),
        task(cache_wrong, "wrong", dry=Says(_would_take_back), entry="as x-gateway-cache-entry names it"),
    ),
    "progress": (
        task(progress_show, "show", dry=LOOKS),
        task(progress_flush, "flush", dry=Says(_would_flush)),
        task(progress_drop, "drop", dry=Says(_would_drop), name="as inv progress.show says it"),
    ),
    "local": (
        task(local_status, "status", dry=LOOKS),
        task(local_logs, "logs", dry=LOOKS, name="gateway, edge, postgres, redis, ...", lines="how many"),
        task(local_down, "down", dry=Says(_would_stop), purge="delete the rehearsal's data as well"),
        task(
            local_environment,
            "environment",
            dry=Plans(lambda **options: ["local.environment"], target="local"),
        ),
    ),
    "dev": (
        task(check),
        task(bench, name="file name in tests/bench, without .py"),
        task(gateway_environment, "gateway"),
        task(tsx),
        task(clients, lock="resolve the newest releases first, and write them into the locks"),
        task(lock),
    ),
}
