"""Sizes as Caddy writes them: 2MB is two million bytes, 2MiB is two times 1024 squared."""

from __future__ import annotations

import re

_UNITS = {"": 1, "b": 1}
for _power, _letter in enumerate("kmg", start=1):
    _UNITS[f"{_letter}b"] = _UNITS[_letter] = 1000**_power
    _UNITS[f"{_letter}ib"] = 1024**_power


def parse(text: str) -> int:
    """Bytes of a size such as ``2MB`` or ``512KiB``.

    Raises:
        ValueError: it is not a size.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", text)
    factor = _UNITS.get(match[2].lower()) if match else None
    if match is None or factor is None or float(match[1]) == 0:
        raise ValueError(f"edge.max_body: {text!r} is not a size: a number and KB, MB, GB, KiB, MiB or GiB")
    return int(float(match[1]) * factor)
