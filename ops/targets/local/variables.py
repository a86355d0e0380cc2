"""The variables a server is started with: its own, in a private file, and nothing of the operator's."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ops.targets.local.layout import Layout, write_private


def base_environment(layout: Layout) -> dict[str, str]:
    """What every server of the rehearsal gets, and nothing of the operator's own."""
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(layout.home), "LANG": "C.UTF-8"}


def write_environment(layout: Layout, name: str, variables: Mapping[str, str]) -> None:
    """Write the environment file of program `name`: the common variables and `variables`."""
    write_private(layout.env / f"{name}.json", environment_text(layout, variables))


def environment_text(layout: Layout, variables: Mapping[str, str]) -> str:
    """The text of an environment file."""
    return json.dumps({**base_environment(layout), **variables}, indent=1, sort_keys=True) + "\n"
