"""The slots of a Redis Cluster: which one a key is in, and which server has it."""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Iterator, Sequence
from typing import Any

from .redis_connection import Part

SLOTS = 16_384
_KEY_AT = {"EVAL": 3, "EVALSHA": 3, "MEMORY": 2}
"""Where a command's first key stands, if not right behind its name."""


def slot_of(command: Sequence[Part]) -> int | None:
    """The slot a command is for; None if any server will do. All keys of a command are in one slot."""
    at = _KEY_AT.get(str(command[0]), 1)
    return key_slot(str(command[at])) if len(command) > at else None


def key_slot(key: str) -> int:
    """The slot of a key: of what stands between its first braces, if there is something, else of all of it."""
    begin = key.find("{")
    end = key.find("}", begin + 1)
    tag = key[begin + 1 : end] if 0 <= begin < end - 1 else key
    return crc_hqx(tag.encode(), 0) % SLOTS


def owners(rows: Sequence[Any], asked: str) -> Iterator[tuple[int, int, str, int]]:
    """First and last slot, host and port of each master, from the answer to CLUSTER SLOTS.

    Args:
        rows: the answer.
        asked: the host that gave it, which leaves its own name out if it does not know it, or says "?".
    """
    for first, last, (host, port, *_), *_ in rows:
        yield first, last, _known(host) or asked, port


def _known(host: bytes | None) -> str:
    return "" if host in (None, b"?") else host.decode()
