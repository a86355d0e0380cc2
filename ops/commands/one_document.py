"""`--json` on a command line of several commands: one document, whatever each of them prints."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from typing import Any

from ops.runbook.report import document


@contextlib.contextmanager
def printed() -> Iterator[None]:
    """Collect what is printed while inside, and print it as one document at the end, however that comes."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            yield
    finally:
        print(document("commands", documents=list(_parts(said.getvalue()))))


def _parts(text: str) -> Iterator[dict[str, Any]]:
    """The JSON documents of a text; what stands between them is one of kind `text`."""
    decoder, plain = json.JSONDecoder(), ""
    while text:
        if text.startswith("{"):
            with contextlib.suppress(ValueError):
                found, end = decoder.raw_decode(text)
                if plain.strip():
                    yield {"kind": "text", "text": plain.strip("\n")}
                yield found
                plain, text = "", text[end:].lstrip("\n")
                continue
        line, newline, text = text.partition("\n")
        plain += line + newline
    if plain.strip():
        yield {"kind": "text", "text": plain.strip("\n")}
