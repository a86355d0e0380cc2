"""Server-sent events, as OpenAI's API streams them."""

from __future__ import annotations

DONE = "[DONE]"


def data(stream: str) -> list[str]:
    """The data of each event in a stream that has ended, in order; names and comments are passed over."""
    blocks = stream.replace("\r\n", "\n").split("\n\n")
    return [text for block in blocks if (text := _data(block))]


def _data(block: str) -> str:
    lines = [line.removeprefix("data:").removeprefix(" ") for line in block.split("\n") if line.startswith("data:")]
    return "\n".join(lines)
