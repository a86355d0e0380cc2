"""The gateway's configuration: that it is YAML, holds no secret, and that the gateway itself takes it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from ops.runbook import proc
from ops.validate.finding import Finding

_LOAD = "import pathlib, sys; from llm_gateway import config as c; c.load(pathlib.Path(sys.argv[1]))"
_SECRET = re.compile(r"\b(sk|pk)-[A-Za-z0-9_-]{16,}|://[^/@\s]*:[^/@\s]+@")


def config(folder: Path, file: str) -> list[Finding]:
    """Check the configuration file, with the gateway's own parser where the plugin is there."""
    import yaml

    path = folder / file
    text = path.read_text(encoding="utf-8")
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        return [Finding(file, f"not YAML: {' '.join(str(error).split())}")]
    if not isinstance(document, dict) or not {"model_list", "gateway"} <= document.keys():
        return [Finding(file, "model_list and gateway are needed")]
    findings = [Finding(file, "holds what looks like a secret")] if _SECRET.search(text) else []
    if (folder / "llm_gateway" / "config.py").is_file():
        # Its parser needs no more than YAML, so ours runs it: the gateway's own environment may just be being made.
        command = [sys.executable, "-B", "-c", _LOAD, str(path)]
        done = proc.run(command, env={"PYTHONPATH": str(folder)}, check=False)
        if done.returncode != 0:
            findings.append(Finding(file, done.last_words.splitlines()[-1]))
    return findings
