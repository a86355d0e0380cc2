"""Streams as servers may write them."""

from __future__ import annotations

import pytest

from ops.services import events


@pytest.mark.parametrize(
    ("stream", "found"),
    [
        ("", []),
        ('data: {"a": 1}\n\ndata: [DONE]\n\n', ['{"a": 1}', "[DONE]"]),
        ("data:tight\r\n\r\ndata: loose\r\n\r\n", ["tight", "loose"]),
        (": comment\n\nevent: named\nid: 7\ndata: text\n\n", ["text"]),
        ("data: two\ndata: lines\n\n", ["two\nlines"]),
        ("data: cut off", ["cut off"]),
    ],
)
def test_the_data_of_each_event_in_order(stream: str, found: list[str]) -> None:
    assert events.data(stream) == found
