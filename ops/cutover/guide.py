"""The parts of the cutover guide that follow `frameworks.toml`."""

from __future__ import annotations

from collections.abc import Iterator

from ops.cutover.frameworks import Framework, frameworks
from ops.cutover.settings import KEY_VARIABLE
from ops.description.stack import Stack
from ops.runbook.markdown import table


def settings(stack: Stack) -> str:
    """What each framework is set to, one line each."""
    key = f"`{KEY_VARIABLE}=`the team's key"
    return table(
        ("framework", "settings"),
        [
            (framework.name, ", ".join([key, *(f"`{item.name}={item.value}`" for item in framework.variables)]))
            for framework in frameworks(stack)
        ],
    )


def details(stack: Stack) -> str:
    """How each framework says model, user and cache control, with a program."""
    return "\n\n".join("\n".join(_section(framework)) for framework in frameworks(stack))


def back(stack: Stack) -> str:
    """What each framework unsets, one line each."""
    return table(
        ("framework", "unset"),
        [
            (framework.name, ", ".join(f"`{item.name}`" for item in framework.variables))
            for framework in frameworks(stack)
        ],
    )


def _section(framework: Framework) -> Iterator[str]:
    yield f"### {framework.name}"
    yield ""
    yield f"`{framework.package}`, checked with {framework.checked}."
    yield ""
    for variable in framework.variables:
        yield f"- `{variable.name}={variable.value}`" + (f": {variable.why}" if variable.why else "")
    for label in ("model", "API", "user", "cache"):
        yield f"- {label}: {getattr(framework, label.lower())}"
    yield from (f"- {note}" for note in framework.notes)
    yield ""
    yield f"```{framework.language}"
    yield framework.example.strip()
    yield "```"
