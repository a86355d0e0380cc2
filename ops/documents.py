"""The written guides: generated blocks follow the stack file, prose is checked against the real commands.

A generated block stands between `<!-- generated: NAME -->` and `<!-- end -->`; everything else is prose.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from ops.markdown import table
from ops.runbook.errors import RunbookError
from ops.runbook.files import write_atomic
from ops.runbook.step import Look, Say, drifted, missing, satisfied
from ops.world import World

BLOCK = re.compile(r"(<!-- generated: (?P<name>[\w-]+) -->\n)(?P<body>.*?)(<!-- end -->)", re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
COMMAND = re.compile(r"(?:\./)?\binv (?P<options>(?:--dry )?)(?P<name>[a-z][a-z_]*(?:\.[a-z_]+)?)")
CODE = re.compile(r"```.*?```|`[^`]+`", re.DOTALL)


def files(world: World, group: str) -> list[Path]:
    """The documents of one step of phase 5."""
    runbooks = world.paths.root / "docs" / "runbooks"
    return {
        "deployment": [
            world.gateway_dir / "README.md",
            runbooks / "llm-gateway-deployment.md",
            runbooks / "llm-gateway-testing.md",
        ],
        "cutover": [runbooks / "llm-gateway-cutover.md"],
        "monitoring": [runbooks / "llm-gateway-monitoring.md", runbooks / "llm-gateway-incident.md"],
        "vault": [runbooks / "llm-gateway-rotation.md"],
    }[group]


def look(world: World, group: str) -> Look:
    """Whether the group's documents are there, up to date, and true to the commands and files they name."""
    documents = files(world, group)
    absent = [_name(world, file) for file in documents if not file.is_file()]
    if absent:
        return missing(f"no {', '.join(absent)}")
    differences: list[str] = []
    for file in documents:
        have = file.read_text(encoding="utf-8")
        want = _generated(world, file, have)
        if have != want:
            name = _name(world, file)
            differences += difflib.unified_diff(have.splitlines(), want.splitlines(), name, name, lineterm="", n=1)
    if differences:
        return drifted(f"generated blocks of {len(documents)} documents are out of date", "\n".join(differences))
    problems = [problem for file in documents for problem in faults(world, file)]
    if problems:
        return drifted(f"{len(problems)} places are not true", "\n".join(problems))
    return satisfied(f"{', '.join(_name(world, file) for file in documents)}: up to date, links and commands exist")


def write(world: World, say: Say, group: str) -> None:
    """Bring the generated blocks up to date; prose is never touched.

    Raises:
        RunbookError: DOC-001 a document is gone, DOC-002 its prose names what does not exist.
    """
    for file in files(world, group):
        try:
            have = file.read_text(encoding="utf-8")
        except OSError as error:
            name = _name(world, file)
            raise RunbookError(
                "DOC-001",
                f"{name}: {error.strerror}",
                why="its prose is written by people and cannot be generated",
                next=f"git checkout -- {name}",
            ) from None
        want = _generated(world, file, have)
        if want != have:
            write_atomic(file, want)
        problems = list(faults(world, file))
        if problems:
            raise RunbookError("DOC-002", problems[0], why="\n".join(problems[1:]), next=f"edit {_name(world, file)}")


def faults(world: World, file: Path) -> Iterator[str]:
    """Links to files that are not there, and `inv` commands that do not exist."""
    text = file.read_text(encoding="utf-8")
    name = _name(world, file)
    for match in LINK.finditer(text):
        target = match["target"].split("#")[0]
        if target and "://" not in target and not target.startswith("mailto:") and not (file.parent / target).exists():
            yield f"{name}: link to {target}, which does not exist"
    known = _task_names()
    for span in CODE.finditer(text):
        for match in COMMAND.finditer(span.group()):
            if match["name"] not in known:
                yield f"{name}: inv {match['name']} is no command"


def _task_names() -> set[str]:
    from ops.commands import namespace

    return set(namespace().task_names)


def _name(world: World, file: Path) -> str:
    return str(file.relative_to(world.paths.root))


def _generated(world: World, file: Path, text: str) -> str:
    """The text with every generated block made anew."""

    def block(match: re.Match[str]) -> str:
        make = BLOCKS.get(match["name"])
        if make is None:
            raise RunbookError(
                "DOC-003",
                f"{_name(world, file)}: there is no generated block '{match['name']}'",
                why=f"blocks are: {', '.join(BLOCKS)}",
                next=f"edit {_name(world, file)}",
            )
        return f"{match[1]}{make(world)}\n{match[4]}"

    return BLOCK.sub(block, text)


def _teams(world: World) -> str:
    rows: list[tuple[object, ...]] = [
        (
            f"`{team.name}`",
            f"`{team.key}`",
            ", ".join(team.agents) or ("tests" if team.mirrors else "operators"),
            team.rpm,
            team.tpm,
            f"${team.daily_usd:g}",
        )
        for team in world.stack.resolved_teams
    ]
    return table(("team", "secret", "used by", "requests/min", "tokens/min", "USD/day"), rows)


def _names(world: World) -> str:
    stack = world.stack
    return table(
        ("what", "name"),
        [
            ("gateway", f"https://{stack.domains.gateway}"),
            ("Langfuse", f"https://{stack.domains.langfuse}"),
            ("Fly app", f"`{stack.fly.app}` ({stack.fly.region}, organisation `{stack.fly.org}`)"),
            ("managed Redis", f"`{stack.redis.name}`, plan {stack.redis.plan}, eviction off"),
            ("ClickHouse", f"`{stack.clickhouse.app}`"),
            (
                "object store",
                f"`{stack.storage.app}` ({stack.storage.provider}), bucket `{stack.storage.bucket}`",
            ),
            ("Postgres", f"schema and role `{stack.postgres.schema}` in the shared database"),
            ("vault", f"`{stack.stack.vault}`"),
            ("alerts go to", stack.stack.operator_email),
        ],
    )


def _success(world: World) -> str:
    success = world.stack.success
    return table(
        ("metric", "goal, week one"),
        [
            ("cache hit rate", f"> {success.cache_hit_rate:.0%}"),
            ("P95 latency", f"< {success.p95_latency_s:g} s"),
            ("error rate", f"< {success.error_rate:.0%}"),
            ("daily cost", f"< ${success.daily_usd:g}"),
            ("quota violations", f"{success.quota_violations}"),
        ],
    )


def _models(world: World) -> str:
    models = world.stack.models
    roles = {
        **dict.fromkeys(models.chat, "on request"),
        **dict.fromkeys(models.embed, "embeddings"),
        models.default: "default",
        models.fallback: f"fallback, and over {models.escalate_over_input_tokens} input tokens",
        models.embedding: "embeddings, and the semantic cache",
    }
    return table(
        ("model", "role", "USD per million tokens, in / out"),
        [
            (f"`{name}`", role, f"{models.prices[name].input:g} / {models.prices[name].output:g}")
            for name, role in roles.items()
        ],
    )


def _steps(world: World) -> str:
    from ops.phases import build, deploy, document, setup, test

    rows: list[tuple[object, ...]] = [
        (step.number, f"`inv {step.key}`", step.name, step.purpose)
        for phase in (setup, build, deploy, test, document)
        for step in phase.STEPS
    ]
    return table(("step", "command", "what", "how"), rows)


def _secrets(world: World) -> str:
    from ops.vault import report

    return report.schedule_table(world)


def _cutover_settings(world: World) -> str:
    from ops.cutover import guide

    return guide.settings(world.stack)


def _cutover_details(world: World) -> str:
    from ops.cutover import guide

    return guide.details(world.stack)


def _cutover_back(world: World) -> str:
    from ops.cutover import guide

    return guide.back(world.stack)


def _errors(world: World) -> str:
    from ops.explain import catalogue

    return table(("code", "meaning"), [(f"`{code}`", entry["title"]) for code, entry in catalogue().items()])


BLOCKS: dict[str, Callable[[World], str]] = {
    "teams": _teams,
    "names": _names,
    "success": _success,
    "models": _models,
    "steps": _steps,
    "secrets": _secrets,
    "errors": _errors,
    "cutover-settings": _cutover_settings,
    "cutover-details": _cutover_details,
    "cutover-back": _cutover_back,
}
