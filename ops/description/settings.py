"""The operator's settings: the environment, and `.env` beneath it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

from ops.runbook.errors import RunbookError


def load(root: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """`.env` of the checkout overlaid with `environ`; neither is changed, nothing is exported to children.

    A variable of `environ` that is empty is taken for unset: it hides nothing of `.env`.

    Raises:
        RunbookError: ENV-001, naming the line. What stands in it is never quoted: it may be a secret.
    """
    file = root / ".env"
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return dict(environ)
    except OSError as error:
        raise _broken(file, error.strerror or str(error)) from None
    except UnicodeDecodeError as error:
        raise _broken(file, f"byte {error.start + 1} is not UTF-8") from None
    from dotenv import dotenv_values
    from dotenv.parser import parse_stream

    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            raise _broken(file, f"line {binding.original.line} is not NAME=VALUE")
    values = dotenv_values(stream=io.StringIO(text), interpolate=False)
    given = {key: value for key, value in values.items() if value is not None}
    return {**environ, **given, **{key: value for key, value in environ.items() if value}}


def _broken(file: Path, reason: str) -> RunbookError:
    return RunbookError("ENV-001", f"{file}: {reason}", why="nothing was done", next=f"edit {file}; see .env.example")
