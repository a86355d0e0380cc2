"""What pictures, documents and sound are billed as, at most."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest
from llm_gateway.limits.media import Document, Medium, Picture, Sound, document, hidden, of_part, picture, tokens

CONTEXT = 128_000


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height) + bytes(8)


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + bytes(3)


def jpeg(width: int, height: int) -> bytes:
    """With a long segment and fill bytes before the frame header, as cameras write them."""
    camera = b"\xff\xe1" + struct.pack(">H", 60_002) + bytes(60_000)
    frame = b"\xff\xc2" + struct.pack(">HBHHB", 17, 8, height, width, 3) + bytes(9)
    return b"\xff\xd8" + camera + b"\xff\xff" + frame + b"\xff\xd9"


def webp(kind: bytes, width: int, height: int) -> bytes:
    head = b"RIFF" + struct.pack("<I", 100) + b"WEBP" + kind + struct.pack("<I", 10)
    if kind == b"VP8X":
        return head + bytes(4) + struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3] + bytes(8)
    if kind == b"VP8L":
        return head + b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + bytes(8)
    return head + b"\x00\x00\x00\x9d\x01\x2a" + struct.pack("<HH", width, height) + bytes(8)


def url(raw: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(raw).decode()}"


KINDS = {
    "PNG": png, "GIF": gif, "JPEG": jpeg,
    "WebP lossy": lambda w, h: webp(b"VP8 ", w, h),
    "WebP lossless": lambda w, h: webp(b"VP8L", w, h),
    "WebP extended": lambda w, h: webp(b"VP8X", w, h),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("width", "height", "tiles"),
    [
        # The two examples of OpenAI's page, then edges: one pixel, one tile, one pixel more, a long strip.
        (1024, 1024, 4), (2048, 4096, 6), (1, 1, 1), (512, 512, 1), (513, 512, 2), (2048, 768, 8), (10_000, 100, 4),
    ],
)  # fmt: skip
def test_a_picture_is_billed_by_the_tiles_of_its_size(kind: str, width: int, height: int, tiles: int) -> None:
    """G26."""
    assert picture(url(KINDS[kind](width, height)), "high") == Picture(tiles)


def test_low_detail_is_the_base_alone() -> None:
    """G26."""
    assert picture(url(png(4000, 4000)), "low") == Picture(0)
    assert tokens(Picture(0), "gpt-4o", CONTEXT) == 85
    assert tokens(Picture(0), "gpt-4o-mini", CONTEXT) == 2_833


@pytest.mark.parametrize("where", ["https://p.example/x.png", url(b"no picture"), url(png(0, 0)), "data:", "data:,", 5])
def test_a_picture_of_unknown_size_has_the_most_tiles(where: Any) -> None:
    """G26."""
    assert picture(where, None) == Picture(8)
    assert tokens(Picture(8), "gpt-4o", CONTEXT) == 85 + 8 * 170
    # The small model counts more for the same picture (same page).
    assert tokens(Picture(8), "gpt-4o-mini", CONTEXT) == 2_833 + 8 * 5_667


def pdf(pages: int) -> bytes:
    return b"%PDF-1.7\n" + b"<< /Type /Page /Parent 1 0 R >>\n" * pages + b"<< /Type /Pages /Kids [] >>"


@pytest.mark.parametrize("head", ["", "data:application/pdf;base64,"])
def test_a_document_is_billed_by_its_pages(head: str) -> None:
    """G9."""
    encoded = base64.b64encode(pdf(7)).decode()
    assert document(head + encoded) == Document(7)
    assert tokens(Document(7), "gpt-4o", CONTEXT) == 7 * (1500 + 85 + 6 * 170)


def test_pages_in_compressed_objects_are_taken_from_the_trees_count() -> None:
    """G9."""
    tree = b"%PDF-1.7\n<< /Type /Pages /Count 240 >>"
    assert document(base64.b64encode(tree).decode()) == Document(240)


@pytest.mark.parametrize(("size", "pages"), [(120_000, 2), (1, 1), (1_000_000, 10)])
def test_a_document_of_another_kind_is_bounded_by_its_size(size: int, pages: int) -> None:
    """G9."""
    assert document(base64.b64encode(b"x" * size).decode()) == Document(pages)


def test_no_document_is_billed_as_more_than_a_model_reads() -> None:
    """G9, G10."""
    assert tokens(Document(10_000), "gpt-4o", CONTEXT) == CONTEXT
    assert tokens(Document(None), "gpt-4o", CONTEXT) == CONTEXT
    assert hidden(Document(3))
    assert hidden(Document(None))
    assert not hidden(Picture(8))


def test_sound_is_billed_by_its_seconds() -> None:
    part = {"type": "input_audio", "input_audio": {"data": base64.b64encode(bytes(30_000)).decode(), "format": "wav"}}
    assert list(of_part(part)) == [Sound(30)]
    assert tokens(Sound(30), "gpt-4o", CONTEXT) == 300


@pytest.mark.parametrize(
    ("part", "media"),
    [
        ({"type": "text", "text": "hi"}, []),
        ({"type": "image_url", "image_url": {"url": "x", "detail": "low"}}, [Picture(0)]),
        ({"type": "input_image", "image_url": "https://x.example", "detail": "low"}, [Picture(0)]),
        ({"type": "input_image", "file_id": "file-1"}, [Picture(8)]),
        ({"type": "computer_screenshot", "image_url": "https://x.example"}, [Picture(8)]),
        ({"type": "file", "file": {"file_id": "file-1"}}, [Document(None)]),
        ({"type": "input_file", "file_id": "file-1"}, [Document(None)]),
        ({"type": "input_file", "file_url": "https://x.example/a.pdf"}, [Document(None)]),
        ({"type": "input_file", "file_data": "AAAA"}, [Document(1)]),
        ({"type": "file", "file": None}, [Document(None)]),
        ({"type": "input_audio"}, [Sound(0)]),
        ({"type": "something new"}, []),
    ],
)
def test_the_parts_of_both_apis_are_read(part: dict[str, Any], media: list[Medium]) -> None:
    """G10."""
    assert list(of_part(part)) == media
