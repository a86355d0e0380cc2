"""How a benchmark tells its figures, beside the goals that some of them have."""

from __future__ import annotations

import json
from collections.abc import Mapping


def tell(figures: Mapping[str, float], goals: Mapping[str, float], *, as_json: bool) -> int:
    """Print figures by name, those with a goal (at most so much) with whether it was met.

    Returns:
        The exit code: 0, or 1 when a goal was missed.
    """
    met = {name: figures[name] <= most for name, most in goals.items()}
    if as_json:
        print(json.dumps({"figures": figures, "goals": met}, indent=2))
    else:
        for name, value in figures.items():
            goal = f"   goal {goals[name]:g}: {'met' if met[name] else 'missed'}" if name in goals else ""
            print(f"{name:50}{value:12.3f}{goal}")
    return 0 if all(met.values()) else 1
