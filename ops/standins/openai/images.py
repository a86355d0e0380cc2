"""What OpenAI bills for pictures and files in a prompt, by its guides to vision and to file inputs."""

from __future__ import annotations

import base64
import binascii
import re
import struct

from ops.standins.openai.asked import tokens
from ops.standins.openai.models import Model

UNKNOWN_SIZE = (1024, 1024)
LONGEST, SHORTEST, TILE = 2048, 768, 512
_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def picture_tokens(model: Model, url: str, detail: str) -> int:
    """The tokens of one picture.

    Args:
        model: which sees it.
        url: a data URL, whose size is read from its bytes, or another one, taken for 1024 by 1024 pixels.
        detail: ``low`` costs the base alone; all else is billed by tiles.
    """
    base, tile = model.image_tokens
    if detail == "low":
        return base
    width, height = _size(url) if url.startswith("data:") else UNKNOWN_SIZE
    shrink = min(1.0, LONGEST / max(width, height))
    shrink *= min(1.0, SHORTEST / (min(width, height) * shrink))
    across, down = (max(1, -(-round(side * shrink) // TILE)) for side in (width, height))
    return base + tile * across * down


def document_tokens(model: Model, data: bytes) -> int:
    """The tokens of a PDF: the text on its pages, and each page as a picture."""
    pages = max(1, len(re.findall(rb"/Type\s*/Page(?!s)", data)))
    texts = b"".join(re.findall(rb"\(([^()]*)\)\s*Tj", data)).decode("latin-1")
    return tokens(texts) + pages * picture_tokens(model, "", "high")


def data_of(url: str) -> bytes:
    """The bytes of a data URL or of plain base64. Raises ValueError."""
    encoded = url.partition(",")[2] if url.startswith("data:") else url
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error as exc:
        raise ValueError("not base64") from exc


def _size(url: str) -> tuple[int, int]:
    data = data_of(url)
    try:
        if data.startswith(b"\x89PNG"):
            width, height = struct.unpack(">II", data[16:24])
        elif data.startswith(b"GIF8"):
            width, height = struct.unpack("<HH", data[6:10])
        elif data.startswith(b"\xff\xd8"):
            width, height = _jpeg_size(data)
        else:
            return UNKNOWN_SIZE
    except struct.error:
        return UNKNOWN_SIZE
    return (width, height) if width and height else UNKNOWN_SIZE


def _jpeg_size(data: bytes) -> tuple[int, int]:
    at = 2
    while at < len(data):
        _, marker, length = struct.unpack(">BBH", data[at : at + 4])
        if marker in _JPEG_SIZES:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + length
    return UNKNOWN_SIZE
