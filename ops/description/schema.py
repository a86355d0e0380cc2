"""The JSON schema of `stack.toml`, made from its types: what an editor completes and checks while it is written."""

from __future__ import annotations

import json
from pathlib import Path

from ops.description.stack import Stack
from ops.description.typed import schema

FILE = Path(__file__).with_name("stack.schema.json")
TITLE = "ops/stack.toml: the one description of the stack"


def text() -> str:
    """The schema as it is committed beside this module."""
    made = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": TITLE, **schema(Stack)}
    return json.dumps(made, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> None:
    """Write it anew."""
    from ops.runbook.files import write_atomic

    write_atomic(FILE, text())


if __name__ == "__main__":
    main()
