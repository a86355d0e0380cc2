"""The operator's settings: the environment, and `.env` beneath it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def load(root: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """`.env` of the checkout overlaid with `environ`; neither is changed, nothing is exported to children."""
    file = root / ".env"
    settings: dict[str, str] = {}
    if file.is_file():
        from dotenv import dotenv_values

        settings = {key: value for key, value in dotenv_values(file, interpolate=False).items() if value is not None}
    settings.update(environ)
    return settings
