"""The guides' part on alerts: made from the watch's own list of rules and the description's thresholds."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from ops.description.stack import Stack
from ops.description.watch import WatchRule
from ops.runbook.markdown import table

RULES = Path("llm_gateway", "watch", "rules.toml")
_COMMAND = re.compile(r"`inv ([^`]+)`")


def rules(gateway_dir: Path) -> dict[str, dict[str, dict[str, str]]]:
    """The watch's `rules` and `sources`, each by name."""
    return tomllib.loads((gateway_dir / RULES).read_text(encoding="utf-8"))


def thresholds(stack: Stack, gateway_dir: Path) -> str:
    """A table of the rules: what is watched, from when on it is an alert, and the section that says more."""
    watched = rules(gateway_dir)["rules"]
    rows = [
        (f"[{name}](llm-gateway-incident.md#alert-{name})", watched[name]["title"], _when(stack.watch_rules[name]))
        for name in watched
    ]
    rows.append(("unseen", "Something cannot be seen", f"for {stack.watch.unseen_min} min"))
    return table(("rule", "what", "when"), rows)


def _when(rule: WatchRule) -> str:
    if rule.off:
        return "off"
    parts = [f"limit {rule.limit:g}"] if rule.limit else []
    parts += [f"of at least {rule.least}"] if rule.least else []
    parts += [f"for {rule.after_min} min"] if rule.after_min else []
    return ", ".join(parts) or "at once"


def sections(gateway_dir: Path) -> str:
    """A section for every alert: what it means, what to type, what that prints when all is well, what then."""
    found = rules(gateway_dir)
    unseen = {f"unseen-{name}": about for name, about in found["sources"].items()}
    return "\n".join(line for name, about in {**found["rules"], **unseen}.items() for line in _section(name, about))


def _section(name: str, about: Mapping[str, str]) -> Iterator[str]:
    yield f"### Alert: {name}"
    yield ""
    yield f"{about['title']}. {about['meaning']}"
    yield ""
    yield f"- First: `./{about['first']} --target fly`. When all is well it prints: {about['well']}."
    if "then" in about:
        then = _COMMAND.sub(r"`./inv \1 --target fly`", about["then"])
        yield f"- Then: {then}"
    yield ""
