"""The README's picture: a terminal in which a real run has just ended, as SVG."""

from __future__ import annotations

import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

from ops.description.paths import ROOT
from ops.runbook.errors import RunbookError
from ops.runbook.files import write_atomic
from ops.runbook.secret import redactor

FILE = Path("docs", "run.svg")
COMMANDS = ("deploy.all", "test.all")
WIDTH = 120  # columns
RUN_S = 1800.0
STYLES = {"ok": "green", "changed": "yellow", "skipped": "dim", "failed": "bold red", "blocked": "bold magenta"}


def take(root: Path = ROOT) -> Path:
    """Run the rehearsal and draw what it printed; returns the file.

    Raises:
        RunbookError: CLI-017 the run did not end well, and there is nothing to show.
    """
    words = [sys.executable, "-S", str(root / "tasks.py"), *COMMANDS]
    done = subprocess.run(words, cwd=root, stdout=subprocess.PIPE, text=True, timeout=RUN_S, check=False)
    if done.returncode:
        raise RunbookError(
            "CLI-017", f"inv {' '.join(COMMANDS)} ended with exit code {done.returncode}", next="mend that first"
        )
    write_atomic(root / FILE, drawn(done.stdout.replace(str(root), "~")), 0o644)
    return FILE


def drawn(printed: str) -> str:
    """What a run printed, as a terminal shows it: each step's last line, and the sums."""
    console = Console(record=True, width=WIDTH, file=StringIO(), color_system="truecolor", force_terminal=True)
    console.print(Text.assemble(("$ ", "dim"), (f"./inv {' '.join(COMMANDS)}", "bold")))
    for line in redactor(printed).splitlines():
        word = line.partition(" ")[0]
        if word == "…":
            continue  # under way: what came of it follows
        text = Text(line)
        text.stylize(STYLES.get(word, ""), 0, len(word))
        text.truncate(WIDTH, overflow="ellipsis")
        console.print(text)
    svg = console.export_svg(title="a rehearsal, from nothing", unique_id="run")
    # Its fonts are fetched from elsewhere; a reader has a monospaced one.
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL).replace("Fira Code, monospace", "monospace")
