"""The benchmarks' figures as a page: pure, from what the benchmarks print with --json to Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Figures = Mapping[str, Any]

BUSY = 4
"""The load for each core from which on it is not the benchmark's own alone."""
HEAD = """\
# Benchmarks

Measured by one command, which writes this page and the figures it is made from, `docs/benchmarks.json`:

```bash
./inv dev.bench peers --write
```

Each section names the benchmark that measures it, a command by itself. A figure is a median, in brackets the least and
the greatest of its rounds. Compare figures of one section; on another machine they are others. A ratio is made of two
figures of the same round, one measured right after the other.
"""


def render(found: Figures) -> str:
    """The page.

    Args:
        found: by benchmark, what it told, or why nothing, under `not_measured`.
    """
    parts = [HEAD, *_machine(found["peers"])]
    for name, (title, section) in SECTIONS.items():
        figures = found[name]
        body = [f"Not measured: {figures['not_measured']}.\n"] if "not_measured" in figures else section(figures)
        parts += [f"## {title}\n", f"By `./inv dev.bench {name}`.\n", *body]
    return "\n".join(parts).rstrip() + "\n"


def _machine(peers: Figures) -> Iterator[str]:
    if "machine" in peers:
        it = peers["machine"]
        yield (
            f"The machine: {it['processor']}, {it['cores']} cores, {it['memory_gb']} GB, {it['system']}; {it['date']},"
            f" load {it['load']} at the end. Everything, clients and servers, ran on it.\n"
        )
        if it["load"] > BUSY * it["cores"]:
            yield "**It was busy with other work**: processor times hold, seconds and requests a second say little.\n"


def _gateways(found: Figures) -> Iterator[str]:
    few, many = found["connections"]
    ours = found["contenders"][0]["name"]
    yield (
        "Each is run as its maker says for production, in two processes, one for each core. In each of"
        f" {found['rounds']} rounds every contender is asked in turn, over {few} connections for processor time and"
        f" latency, over {many} for requests a second. One cheap upstream serves all, and counts what reaches it: a"
        " block that a cache answered too often or too seldom is thrown away with the whole measurement. Processor"
        " time is that of the contender's processes, and of the Redis server beside it. The client, the upstream and"
        " Redis are on the same cores, so requests a second are of all of them together.\n"
    )
    yield from _table(
        ("contender", "version", "as it was run"),
        [(it["name"], it["version"], it["settings"]) for it in found["contenders"]],
    )
    yield from (f"{name} is not here: {why}.\n" for name, why in found["not_to_be_had"].items())
    yield "### Ratios\n"
    yield f"Processor time of a request as a multiple of this gateway's: above 1, {ours} takes less.\n"
    others = [it["name"] for it in found["contenders"][1:]]
    yield from _ratios(found, others, "cpu")
    yield "Requests a second as a multiple of this gateway's: below 1, it serves more.\n"
    yield from _ratios(found, others, "per_s")
    yield "### Where another is better\n"
    yield f"In brackets the figure of {ours}. How much each does for a request stands above.\n"
    yield from [*(f"- {line}" for line in better(found)), ""]
    for kind in _kinds(found):
        yield f"### {kind['title']}\n"
        head = ("contender", "CPU ms", "Redis CPU ms", "p50 ms", "p95 ms", "p99 ms", "requests a second")
        yield from _table(head, [_row(name, each) for name, each in kind["contenders"].items()])
    yield "### Start and memory\n"
    yield f"One process, started {found['starts']} times; memory when it is ready, and after all of the above.\n"
    yield from _table(
        ("contender", "ready after s", "CPU s until then", "MB when ready", "MB after the load"),
        [
            (name, *(spread(each[key]) for key in ("ready_s", "cpu_s", "resident_mb")), number(each["loaded_mb"]))
            for name, each in found["start"].items()
        ],
    )


def _kinds(found: Figures) -> list[Figures]:
    return list(found["kinds"].values())


def _ratios(found: Figures, names: Sequence[str], of: str) -> Iterator[str]:
    kinds = [(kind["title"], kind["ratios"]) for kind in _kinds(found)]
    rows = [(title, *(spread(it[name][of]) if name in it else "no cache" for name in names)) for title, it in kinds]
    yield from _table(("request", *names), rows)


def _row(name: str, each: Figures) -> tuple[str, ...]:
    latencies = (number(each[key]) for key in ("p95_ms", "p99_ms"))
    used = (spread(each["cpu_ms"]), number(each["redis_cpu_ms"]["median"]))
    return name, *used, spread(each["p50_ms"]), *latencies, spread(each["per_s"])


OF_REQUESTS = {
    "cpu_ms": "ms of processor time", "p50_ms": "ms at p50", "p95_ms": "ms at p95", "p99_ms": "ms at p99",
    "per_s": "requests a second",
}  # fmt: skip
OF_START = {
    "ready_s": "s until ready", "cpu_s": "s of processor time until then",
    "resident_mb": "MB when ready", "loaded_mb": "MB after the load",
}  # fmt: skip
MORE_IS_BETTER = ("per_s",)


def better(found: Figures) -> list[str]:
    """A line for each contender and kind of which a median is better than ours: which, and ours in brackets."""
    ours = found["contenders"][0]["name"]
    compared = [(kind["title"], kind["contenders"], OF_REQUESTS) for kind in _kinds(found)]
    compared.append(("Start and memory", found["start"], OF_START))
    lines = []
    for title, figures, names in compared:
        for name, theirs in figures.items():
            ahead = _ahead(theirs, figures[ours], names)
            lines += [f"{title}, {name}: {', '.join(ahead)}."] if ahead else []
    return lines or ["In none of these figures."]


def _ahead(theirs: Figures, ours: Figures, names: Mapping[str, str]) -> Iterable[str]:
    told = []
    for key, what in names.items():
        other, own = (each[key]["median"] if isinstance(each[key], Mapping) else each[key] for each in (theirs, ours))
        if other > own if key in MORE_IS_BETTER else other < own:
            told.append(f"{number(other)} {what} ({number(own)})")
    return told


def _engines(found: Figures) -> Iterator[str]:
    versions = ", ".join(f"{name} {version}" for name, version in found.get("versions", {}).items())
    yield f"{found['steps']} steps that are satisfied already, {found['runs']} runs in turns ({versions}).\n"
    head = ("contender", "CPU s", "wall s")
    yield from _table(head, [(it["name"], spread(it["cpu_s"]), spread(it["wall_s"])) for it in found["engines"]])
    yield "Starting, and a plan on a rehearsal with nothing to do:\n"
    yield from _table(head, [(it["name"], spread(it["cpu_s"]), spread(it["wall_s"])) for it in found["start"]])
    yield "Milliseconds of processor time a step, by the number of satisfied steps, in the engine alone:\n"
    sizes = list(found["scale"][0]["cpu_s"])
    yield from _table(
        ("steps", *sizes, "grows by the power of"),
        [
            (
                "each needs the one before" if it["chained"] else "none needs another",
                *(number(1000 * it["cpu_s"][size] / int(size)) for size in sizes),
                number(it["exponent"]),
            )
            for it in found["scale"]
        ],
    )


def _interruption(found: Figures) -> Iterator[str]:
    changes = ", ".join(f"{count} x {name}" for name, count in found["changes"].items())
    yield (
        f"Traffic through the rendered edge while what is behind it is replaced ({changes}): {found['requests']}"
        f" requests in {found['seconds']:.0f} s, {len(found['failed'])} failed, the slowest took"
        f" {number(found['slowest_s'])} s.\n"
    )


def _goals(found: Figures) -> Iterator[str]:
    met = {True: "met", False: "missed"}
    yield "The figures that have a goal; the benchmark tells more.\n"
    figures, goals = found["figures"], found["goals"]
    yield from _table(("figure", "", "goal"), [(it, number(figures[it]), met[goals[it]]) for it in goals])


def _books(found: Figures) -> Iterator[str]:
    booked, charged, unsettled = (f"{found[key] / 1e9:.6f}" for key in ("booked", "charged", "unsettled"))
    yield (
        f"{found['requests']} requests that end in every way: {booked} dollars booked, {charged} charged, and"
        f" {unsettled} of which the provider never said whether it charged them: an error of {found['error']:.4%}.\n"
    )


SECTIONS = {
    "peers": ("The gateway beside others", _gateways),
    "converge": ("The runbook's engine beside pyinfra and Ansible", _engines),
    "interruption": ("Deploys under traffic", _interruption),
    "semantic_cost": ("What the semantic tier costs", _goals),
    "shared_cache": ("How fast gateways learn from each other", _goals),
    "books": ("How true the books are", _books),
}
"""The page's sections after their benchmarks: title, and what makes the text of its figures."""


def spread(values: Figures) -> str:
    """A median with the least and the greatest in brackets."""
    return f"{number(values['median'])} ({number(values['min'])} to {number(values['max'])})"


def number(value: float) -> str:
    """Three digits that count, or all of a larger whole."""
    if value == 0 or abs(value) >= 100:
        return f"{value:.0f}"
    digits = 2 if abs(value) < 10 else 1
    return f"{value:.{digits}f}" if abs(value) >= 0.01 else f"{value:.1g}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |"
    yield ""
