"""`inv cutover.plan` and `inv cutover.back`: a team's settings, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ops.cutover.frameworks import Framework
from ops.cutover.settings import KEY_VARIABLE, Settings
from ops.runbook.report import document

STATE = (
    "a response or conversation begun at the gateway goes on there only, unless that key is of the same OpenAI account"
)


def plan_lines(settings: Settings, target: str) -> Iterator[str]:
    """What to set, framework by framework."""
    team = settings.team
    yield f"{team.name} ({', '.join(team.agents) or 'no agents'}) at {settings.base}"
    yield f"limits: {team.rpm} requests and {team.tpm} tokens a minute, ${team.daily_usd:g} a day"
    if settings.reach:
        yield settings.reach
    yield ""
    yield "every framework"
    yield f"  {KEY_VARIABLE} is the team's key: {team.key} in the vault, handed over without being shown"
    yield f"    on Fly    {settings.hand_over}"
    yield f"    a shell   {settings.in_a_shell}"
    yield f"  the base URL works with /v1 and without it: {settings.base}/v1, {settings.base}"
    for framework in settings.frameworks:
        yield from _framework_lines(framework)
    yield ""
    yield "then deploy the agent and look:"
    yield f"  ./inv cutover.verify --team {team.name} --target {target}"
    yield f"  ./inv cutover.back --team {team.name} --target {target}   prints the way back"


def _framework_lines(framework: Framework) -> Iterator[str]:
    yield ""
    yield f"{framework.name} ({framework.id}; {framework.package}, checked with {framework.checked})"
    for variable in framework.variables:
        yield f"  set     {variable.name}={variable.value}"
        if variable.why:
            yield f"          {variable.why}"
    yield f"  model   {framework.model}"
    yield f"  API     {framework.api}"
    yield f"  user    {framework.user}"
    yield f"  cache   {framework.cache}"
    for note in framework.notes:
        yield f"  mind    {note}"


def back_lines(settings: Settings, target: str) -> Iterator[str]:
    """What to take back, framework by framework; the agent then speaks to OpenAI as before."""
    team = settings.team
    yield f"{team.name}: back to OpenAI, one agent at a time; the gateway needs no change"
    yield ""
    yield "every framework"
    yield f"  {KEY_VARIABLE} is the agent's own OpenAI key again"
    yield f"  {STATE}"
    for framework in settings.frameworks:
        names = [variable.name for variable in framework.variables]
        yield ""
        yield f"{framework.name} ({framework.id})"
        for name in names:
            yield f"  unset   {name}, or put back what it was"
        yield f"    on Fly    fly secrets unset --stage {' '.join(names)} --app AGENT_APP"
    yield ""
    yield "then deploy the agent and see that nothing arrives any more (exit code 1, no request):"
    yield f"  ./inv cutover.verify --team {team.name} --since 5m --target {target}"


def plan_document(settings: Settings, target: str) -> str:
    """The plan as JSON; the key is named, never given."""
    return _document("cutover.plan", settings, target, [_described(framework) for framework in settings.frameworks])


def back_document(settings: Settings, target: str) -> str:
    """The way back as JSON."""
    unset = [
        {"id": framework.id, "name": framework.name, "unset": [variable.name for variable in framework.variables]}
        for framework in settings.frameworks
    ]
    return _document("cutover.back", settings, target, unset)


def _described(framework: Framework) -> dict[str, Any]:
    fields = ("id", "name", "package", "checked", "language", "api", "model", "user", "cache", "notes", "example")
    environment = [
        {"name": variable.name, "value": variable.value, "why": variable.why} for variable in framework.variables
    ]
    return {**{name: getattr(framework, name) for name in fields}, "environment": environment}


def _document(kind: str, settings: Settings, target: str, frameworks: list[dict[str, Any]]) -> str:
    return document(
        kind,
        target=target,
        team=settings.team.name,
        base_url=settings.base,
        key={"variable": KEY_VARIABLE, "secret": settings.team.key, "command": settings.vault_command},
        frameworks=frameworks,
    )
