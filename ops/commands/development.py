"""Commands for the project's developers: checks, benchmarks, environments and locks."""

from __future__ import annotations

from typing import Any

from invoke import Context, Exit, Task

from ops.commands.handing_over import handed_over
from ops.commands.task import task
from ops.runbook.errors import EXIT_FAILED

NAME = "dev"


def check(c: Context) -> None:
    """Lint, types and tests: everything that must be green."""
    if handed_over("dev.check"):
        return
    from ops.development.check import check as run

    if not run():
        raise Exit(code=EXIT_FAILED)


def audit(c: Context, json: bool = False) -> None:
    """Ask for known faults of all that the locks hold, and say of each lock what is known.

    Exit code 1: a fault in what production or an operator runs, accepted by nobody; 3: something could not be asked.
    """
    if handed_over("dev.audit", *(["--json"] if json else [])):
        return
    from ops.development import audit as run

    found = run.audit(run.locks(), living_with=run.accepted())
    print(run.as_json(found) if json else "\n".join(run.lines(found)))
    if code := run.exit_code(found):
        raise Exit(code=code)


def own_environment(c: Context) -> None:
    """Make the developers' environment: the runbook's packages, the rehearsal's and the tools of dev.check."""
    from ops.development import environment

    if not environment.is_ours() and (code := environment.make()):
        raise Exit(code=code)


def gateway_environment(c: Context) -> None:
    """Make the environment of the gateway's tests and benchmarks, from its development lock."""
    if handed_over("dev.gateway"):
        return
    from ops.development.check import make_gateway_environment

    make_gateway_environment()


def tsx(c: Context) -> None:
    """Install the TypeScript runner that the progress scripts' test uses."""
    from ops.development.check import make_tsx

    make_tsx()


def clients(c: Context, lock: bool = False) -> None:
    """Install other people's clients, which the tests run against the gateway; --lock resolves their locks anew."""
    if handed_over("dev.clients", *(["--lock"] if lock else [])):
        return
    from ops.development import clients

    if lock:
        clients.lock()
    clients.make()


def architecture(c: Context) -> None:
    """Draw the packages and their imports anew, into docs/architecture.md."""
    if handed_over("dev.architecture"):
        return
    from ops.development.architecture import PAGE, write

    print(f"{PAGE} {'drawn anew' if write() else 'is as the code is'}")


def picture(c: Context) -> None:
    """Rehearse, and draw the run into docs/run.svg, the README's picture.

    A rehearsal from nothing is drawn after inv local.down --purge.
    """
    if handed_over("dev.picture"):
        return
    from ops.development.picture import take

    print(f"drawn into {take()}")


def bench(
    c: Context,
    name: str,
    json: bool = False,
    minutes: str = "",
    rate: str = "",
    faults: bool = False,
    at_once: str = "",
    gateways: str = "",
    rps: str = "",
    rounds: str = "",
    write: bool = False,
) -> None:
    """Run a benchmark of tests/bench: inv dev.bench semantic_quality.

    soak takes --minutes, --rate and --faults, overload --at-once, scale --gateways and --rps; their modules say what
    they measure. inv dev.bench peers --write measures anew what docs/benchmarks.md holds, and writes it: some ten
    minutes.
    """
    told = {"--minutes": minutes, "--rate": rate, "--at-once": at_once, "--gateways": gateways, "--rps": rps}
    told["--rounds"] = rounds
    words = [word for option, value in told.items() if value for word in (option, value)]
    words += [*(["--faults"] if faults else []), *(["--json"] if json else [])]
    words += ["--write"] if write else []
    if handed_over("dev.bench", name, *words):
        return
    if write and name == "peers":
        from ops.development import benchmarks

        failed = benchmarks.write(rounds)
        print(f"not measured: {', '.join(failed)}" if failed else f"written: {benchmarks.PAGE}")
        if failed:
            raise Exit(code=EXIT_FAILED)
        return
    from ops.development.check import bench as run

    code = run(name, words)
    if code:
        raise Exit(code=code)


def load(c: Context, day: bool = False, requests: int = 0, seed: int = 1) -> None:
    """Send traffic through a gateway of its own, and compare all that counts with what was sent.

    --day sends a day's, compressed: 20,000 requests of four teams. Without it some hundreds.
    """
    words = [*(["--day"] if day else []), *(["--requests", str(requests)] if requests else []), "--seed", str(seed)]
    if handed_over("dev.load", *words):
        return
    from ops.development.check import load as run

    code = run(requests or (20_000 if day else 400), seed)
    if code:
        raise Exit(code=code)


def lock(c: Context, site: bool = False) -> None:
    """Resolve the three locks of pyproject.toml anew: the runbook's, the rehearsal's, the developers'.

    --site: instead the one of what makes the site.
    """
    if handed_over("dev.lock", *(["--site"] if site else [])):
        return
    from ops.development import check
    from ops.development import site as pages

    (pages if site else check).lock()


TASKS: tuple[Task[Any], ...] = (
    task(check),
    task(audit),
    task(architecture),
    task(picture),
    task(
        bench,
        name="file name in tests/bench, without .py",
        minutes="how long soak sends",
        rate="requests a second that soak sends",
        faults="soak: with a gateway killed, Redis frozen, Langfuse and the mail server away, one after the other",
        at_once="how many requests overload sends together: 500,2000",
        gateways="how many gateways scale has",
        rps="requests a second that scale sends",
        rounds="so many, where the benchmark has rounds",
        write="write docs/benchmarks.md (peers alone)",
    ),
    task(own_environment, "environment"),
    task(
        load,
        day="a whole day's traffic: minutes",
        requests="so many instead",
        seed="the same seed sends the same requests",
    ),
    task(gateway_environment, "gateway"),
    task(tsx),
    task(clients, lock="resolve the newest releases first, and write them into the locks"),
    task(lock, site="the lock of inv document.site instead"),
)
