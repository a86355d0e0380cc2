"""The runbook's commands. Wiring only: what they do lies in `ops/`."""

import sys
from pathlib import Path

if __name__ == "__main__":
    from ops.runbook import interrupt

    interrupt.install()
    from ops.cli import main

    sys.exit(main(Path(__file__).resolve().parent))

from ops import commands

ns = commands.namespace()
