"""Models, moderations and files."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from openai import OpenAI
from openai.types import FileDeleted, FileObject, Model, ModerationCreateResponse

from ops.standins.openai import images
from ops.standins.openai.models import KNOWN
from tests.standins.openai.ask import CHAT, RESPONSES, chat, response
from tests.standins.openai.exact import exact

PDF = b"%PDF-1.4 << /Type /Pages >> << /Type /Page >> (words on the page) Tj << /Type/Page >>"
PICTURE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}


def test_g20_the_models_are_listed_under_both_names_and_found(openai: httpx.Client) -> None:
    """G17, G20"""
    listed = [exact(Model, model).id for model in openai.get("/v1/models").json()["data"]]
    wanted = ["gpt-4o-mini", "gpt-4o-mini-2024-07-18", "gpt-4o", "gpt-4o-2024-08-06", "text-embedding-3-large"]
    assert listed == wanted
    assert [exact(Model, openai.get(f"/v1/models/{name}").json()).id for name in listed] == wanted
    missing = openai.get("/v1/models/gpt-9")
    assert missing.status_code == 404
    assert missing.json()["error"]["code"] == "model_not_found"


def test_g17_a_dated_name_is_the_same_model_and_counted_with_it(openai: httpx.Client) -> None:
    """G17"""
    made = openai.post(CHAT, json=chat("Hello", model="gpt-4o-2024-08-06")).json()
    assert made["model"] == "gpt-4o-2024-08-06"
    assert list(openai.get("/_control/counters").json()["models"]) == ["gpt-4o"]


@pytest.mark.parametrize(
    ("given", "flags"),
    [
        ("a kind word", [False]),
        (["a kind word", "Please flag this"], [False, True]),
        ([{"type": "text", "text": "please flag"}, PICTURE], [True]),
        ([PICTURE], [False]),
    ],
)
def test_moderations_are_what_the_sdk_describes(openai: httpx.Client, given: Any, flags: list[bool]) -> None:
    answer = openai.post("/v1/moderations", json={"input": given})
    assert answer.status_code == 200, answer.text
    made = exact(ModerationCreateResponse, answer.json())
    assert [one.flagged for one in made.results] == flags
    assert [one.categories.violence for one in made.results] == flags
    assert made.model == "omni-moderation-latest"
    applied = made.results[-1].category_applied_input_types
    assert ("image" in applied.violence) == (isinstance(given, list) and PICTURE in given)
    assert "image" not in applied.hate


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"input": []}, 400),
        ({"input": 5}, 400),
        ({"input": "x", "colour": "red"}, 400),
        ({"input": [{"type": "image_url", "image_url": {"url": "x"}}]}, 400),
        ({"input": "x", "model": "gpt-4o"}, 404),
    ],
)
def test_moderations_refuse_what_openai_refuses(openai: httpx.Client, body: dict[str, Any], status: int) -> None:
    assert openai.post("/v1/moderations", json=body).status_code == status


def test_a_file_is_uploaded_read_in_both_endpoints_and_deleted(sdk: OpenAI) -> None:
    made = sdk.files.create(file=("page.pdf", PDF), purpose="user_data")
    assert (made.filename, made.bytes, made.purpose) == ("page.pdf", len(PDF), "user_data")
    assert sdk.files.content(made.id).read() == PDF
    assert [file.id for file in sdk.files.list()] == [made.id]
    part: Any = [{"role": "user", "content": [{"type": "file", "file": {"file_id": made.id}}]}]
    chatted = sdk.chat.completions.create(model="gpt-4o", messages=part).usage
    item: Any = [{"role": "user", "content": [{"type": "input_file", "file_id": made.id}]}]
    answered = sdk.responses.create(model="gpt-4o", input=item).usage
    pages = images.document_tokens(KNOWN["gpt-4o"], PDF)
    assert pages > 2 * 765
    assert chatted is not None
    assert answered is not None
    assert chatted.prompt_tokens > pages
    assert answered.input_tokens > pages
    assert sdk.files.delete(made.id) == FileDeleted(id=made.id, deleted=True, object="file")
    assert list(sdk.files.list()) == []


def test_g10_a_file_is_billed_as_arranged(openai: httpx.Client) -> None:
    """G10"""
    content = [{"type": "file", "file": {"file_id": "file-big"}}]
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": content}]}
    assert openai.post(CHAT, json=body).status_code == 404
    openai.post("/_control/files", json={"file-big": 120_000}).raise_for_status()
    exact(FileObject, openai.get("/v1/files/file-big").json())
    assert 120_000 < openai.post(CHAT, json=body).json()["usage"]["prompt_tokens"] < 120_010
    given = [{"role": "user", "content": [{"type": "input_file", "file_id": "file-big"}]}]
    assert openai.post(RESPONSES, json=response(given)).json()["usage"]["input_tokens"] > 120_000
    openai.post("/_control/reset")
    assert openai.post(CHAT, json=body).status_code == 404


@pytest.mark.parametrize("form", [{}, {"data": {"purpose": "user_data"}}, {"files": {"file": b"x"}},
                                  {"data": {"purpose": "fun"}, "files": {"file": b"x"}}])  # fmt: skip
def test_a_file_without_content_or_purpose_is_refused(openai: httpx.Client, form: dict[str, Any]) -> None:
    assert openai.post("/v1/files", **form).status_code == 400


@pytest.mark.parametrize(
    ("size", "tiles"), [((512, 512), 1), ((1024, 1024), 4), ((2048, 4096), 6), ((100, 3000), 4), ((1, 1), 1)]
)
def test_tiles_follow_openais_guide(size: tuple[int, int], tiles: int) -> None:
    """A picture is fitted into 2048 by 2048, then its shorter side to 768; tiles are 512 pixels wide and high."""
    import base64
    import struct

    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", *size)
    url = "data:image/png;base64," + base64.b64encode(head).decode()
    assert images.picture_tokens(KNOWN["gpt-4o"], url, "high") == 85 + 170 * tiles


def test_sizes_are_read_from_other_formats_too() -> None:
    import base64
    import struct

    gif = b"GIF89a" + struct.pack("<HH", 513, 10)
    jpeg = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0" + struct.pack(">HBHH", 17, 8, 10, 513)
    for data in (gif, jpeg):
        url = "data:image/x;base64," + base64.b64encode(data).decode()
        assert images.picture_tokens(KNOWN["gpt-4o"], url, "high") == 85 + 170 * 2
