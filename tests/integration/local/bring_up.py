"""Brings a rehearsal's first servers up, one line per event: a run that a test can kill at any of them.

python -m tests.integration.local.bring_up ROOT
"""

from __future__ import annotations

import sys
from pathlib import Path

from ops.targets.deployment import Deployment
from tests.targets.local import support


def converge(deployment: Deployment, names: tuple[str, ...]) -> int:
    """Look at these parts in order and bring about what is missing; how many had to be changed."""
    steps = {step.key: step for step in deployment.target.preparation()}
    changed = 0
    for name in names:
        part = steps[name] if name in steps else getattr(deployment.target, name)
        found = part.look(deployment)
        if found.satisfied or found.state.value == "unavailable":
            continue
        changed += 1
        print(f"act {name}", flush=True)
        part.act(deployment, lambda text: print(text, flush=True))
        after = part.look(deployment)
        if not after.satisfied:
            raise SystemExit(f"{name}: {after}")
    return changed


FIRST = ("local.supervisor", "local.postgres", "local.pooler", "redis")

if __name__ == "__main__":
    converge(support.deployment(Path(sys.argv[1])), FIRST)
    print("done", flush=True)
