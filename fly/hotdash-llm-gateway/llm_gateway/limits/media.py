"""The highest number of tokens that images, documents and audio in a request are billed as.

Pictures: a base and a price per tile of 512 pixels, after the picture is fitted into 2048 by 2048 and its shorter
side brought to 768 (OpenAI, "Images and vision", calculating costs). Documents: the text of each page and a picture
of it (OpenAI, "File inputs"). Sound: ten tokens a second (OpenAI, pricing of audio input).
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

BASE, TILE = 85, 170
DEARER = {"gpt-4o-mini": (2833, 5667)}
"""Models that count more tokens for the same picture: base, tile (same source)."""
FITTED, SHORTER, SIDE = 2048, 768, 512
MOST_TILES = 8
"""Of any picture after fitting: 2048 by 768."""
HEADER = 4096
"""Characters of a data URL that are enough to find a picture's size, for PNG, GIF and WebP."""
PAGE_TEXT = 1500
"""Tokens of a page of text, generously: some 1,000 words."""
PAGE_BYTES = 100_000
"""Of a document whose pages cannot be counted."""
SOUND_TOKENS = 10
LEAST_BITRATE = 1000
"""Bytes a second of the thinnest speech codec in use (8 kbit/s)."""
_PAGE = re.compile(rb"/Type\s*/Page(?![a-zA-Z])")
_COUNT = re.compile(rb"/Count\s+(\d{1,6})")


@dataclass(frozen=True)
class Picture:
    """A picture: its tiles after fitting; 0 for low detail, where only the base is billed."""

    tiles: int


@dataclass(frozen=True)
class Document:
    """A document of so many pages; None: its content is not in the request, so it can be as long as a model reads."""

    pages: int | None


@dataclass(frozen=True)
class Sound:
    """A recording of at most so many seconds."""

    seconds: int


Medium = Picture | Document | Sound
KINDS = frozenset({"image_url", "input_image", "computer_screenshot", "file", "input_file", "input_audio"})
"""Types of content parts that `of_part` reads, so that they are not counted as text."""


def tokens(medium: Medium, model: str, context: int) -> int:
    """Tokens that a model bills for it.

    Args:
        medium: of one content part.
        model: who reads it.
        context: the most tokens the model can read at all.
    """
    base, tile = DEARER.get(model, (BASE, TILE))
    if isinstance(medium, Picture):
        return base + tile * medium.tiles
    if isinstance(medium, Sound):
        return min(context, SOUND_TOKENS * medium.seconds)
    if medium.pages is None:
        return context
    # A page is about as high as two thirds of its width: three by two tiles.
    return min(context, medium.pages * (PAGE_TEXT + base + 6 * tile))


def hidden(medium: Medium) -> bool:
    """Whether its text cannot be counted here, so that only the model's context bounds what it may cost."""
    return isinstance(medium, Document)


def of_part(part: Mapping[str, Any]) -> Iterator[Medium]:
    """The media of one content part, of the chat API or of the Responses API."""
    kind = part.get("type")
    if kind == "image_url":
        image = part.get("image_url")
        if isinstance(image, Mapping):
            yield picture(image.get("url"), image.get("detail"))
    elif kind in ("input_image", "computer_screenshot"):
        yield picture(part.get("image_url"), part.get("detail"))
    elif kind in ("file", "input_file"):
        inner = part.get("file") if kind == "file" else part
        data = inner.get("file_data") if isinstance(inner, Mapping) else None
        yield document(data) if isinstance(data, str) else Document(None)
    elif kind == "input_audio":
        audio = part.get("input_audio")
        data = audio.get("data") if isinstance(audio, Mapping) else None
        yield Sound(math.ceil(len(data) * 3 / 4 / LEAST_BITRATE) if isinstance(data, str) else 0)


def picture(url: object, detail: object) -> Picture:
    """A picture by its URL; one that is not in the request, or whose size is not found, has the most tiles."""
    if detail == "low":
        return Picture(0)
    size = _size(url) if isinstance(url, str) and url.startswith("data:") else None
    return Picture(MOST_TILES if size is None else _tiles(*size))


def document(data: str) -> Document:
    """A document by its content, base64 with or without the head of a data URL."""
    head, comma, encoded = data.partition(",")
    raw = _decoded(encoded if comma and head.startswith("data:") else data)
    counted = len(_PAGE.findall(raw))
    declared = max((int(count) for count in _COUNT.findall(raw)), default=0)
    return Document(max(counted, declared) or math.ceil(len(raw) / PAGE_BYTES) or 1)


def _tiles(width: int, height: int) -> int:
    if not width or not height:
        return MOST_TILES
    scale = min(1.0, FITTED / max(width, height))
    scale *= min(1.0, SHORTER / (min(width, height) * scale))
    across, down = (max(1, math.ceil(round(side * scale, 3) / SIDE)) for side in (width, height))
    return min(MOST_TILES, across * down)


def _size(url: str) -> tuple[int, int] | None:
    """Width and height of a picture in a data URL, from its header; None if it is of no kind known here."""
    start = url.find(",") + 1
    raw = _decoded(url[start : start + HEADER])
    if raw.startswith(b"\x89PNG\r\n\x1a\n") and len(raw) >= 24:
        return int.from_bytes(raw[16:20]), int.from_bytes(raw[20:24])
    if raw[:6] in (b"GIF87a", b"GIF89a") and len(raw) >= 10:
        return int.from_bytes(raw[6:8], "little"), int.from_bytes(raw[8:10], "little")
    if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP" and len(raw) >= 30:
        return _webp(raw)
    if raw[:2] == b"\xff\xd8":
        return _jpeg(_decoded(url[start:]))
    return None


def _webp(raw: bytes) -> tuple[int, int] | None:
    if raw[12:16] == b"VP8X":
        return int.from_bytes(raw[24:27], "little") + 1, int.from_bytes(raw[27:30], "little") + 1
    if raw[12:16] == b"VP8L":
        bits = int.from_bytes(raw[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if raw[12:16] == b"VP8 ":
        return int.from_bytes(raw[26:28], "little") & 0x3FFF, int.from_bytes(raw[28:30], "little") & 0x3FFF
    return None


def _jpeg(raw: bytes) -> tuple[int, int] | None:
    """Walk the segments to the frame header (ITU T.81, B.1 and B.2)."""
    at = 2
    while at + 9 < len(raw) and raw[at] == 0xFF:
        marker, length = raw[at + 1], int.from_bytes(raw[at + 2 : at + 4])
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(raw[at + 7 : at + 9]), int.from_bytes(raw[at + 5 : at + 7])
        at += 1 if marker == 0xFF else 2 + length
    return None


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text[: len(text) // 4 * 4])
    except (binascii.Error, ValueError):
        return b""
