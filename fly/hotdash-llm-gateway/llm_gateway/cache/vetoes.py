"""Exact, language-independent differences between two questions that rule out a match or require the judge.

Nothing here knows a word of any language. A veto says that both questions name as many numbers, codes, quotes, URLs
or signs but not the same ones. A doubt only says that similarity alone must not decide.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache
from typing import Literal

Difference = Literal["none", "doubt", "veto"]

_URL = re.compile(r"https?://\S+|www\.\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_QUOTED = re.compile(r"`([^`]+)`|\"([^\"]+)\"|“([^”]+)”|„([^“”]+)[“”]|«([^»]+)»|「([^」]+)」|『([^』]+)』")
_FIGURE = re.compile(r"\d+(?:[.,:]\d+)*")
_CODE = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]+-?\d[A-Za-z0-9-]*")
_THOUSANDS = re.compile(r"[.,](?=\d{3}(?!\d))")
# Kana and Han are written without spaces: there each letter is taken for a word.
_WORD = re.compile(_FIGURE.pattern + r"|[\u3040-\u30ff\u3400-\u9fff]|[^\W\d_\u3040-\u30ff\u3400-\u9fff]+")
_SIGN = re.compile(r"[^\w\s.,;:!?'\"()-]")
_SIGNS = ("So", "Sm", "Sc")
"""Unicode's categories of emoji and other pictures, of mathematics, and of currencies."""
_STEM = 4
"""First letters by which two words of one question count as forms of one another (pounds, pound)."""


def compare(stored: str, new: str) -> Difference:
    """How two questions differ, as far as that can be told without understanding them. Symmetric."""
    doubt = False
    for one, two in zip(_exact(stored), _exact(new), strict=True):
        if one != two:
            if len(one) == len(two):
                return "veto"
            doubt = True
    return "doubt" if doubt or _rearranged(_stems(stored), _stems(new)) else "none"


@lru_cache(maxsize=512)
def _exact(text: str) -> tuple[list[str], ...]:
    """URLs and addresses, quoted texts, numbers, codes (letters, then digits), signs and emoji; each in order."""
    urls = [url.rstrip(".,;:!?)") for url in _URL.findall(text)]
    text = _URL.sub(" ", text)
    quoted = [next(filter(None, groups)) for groups in _QUOTED.findall(text)]
    text = _QUOTED.sub(" ", text)
    figures = [_value(figure) for figure in _FIGURE.findall(text)]
    codes = [code.casefold() for code in _CODE.findall(text)]
    signs = [sign for sign in _SIGN.findall(text) if sign in "#%^~" or unicodedata.category(sign) in _SIGNS]
    return tuple(sorted(each) for each in (urls, quoted, figures, codes, signs))


def _value(figure: str) -> str:
    """One spelling per number: 1,000 and 1000, 5.00 and 5; times, dates and leading zeros stay as they are."""
    plain = _THOUSANDS.sub("", figure).replace(",", ".")
    if plain.count(".") > 1 or ":" in plain or (plain[0] == "0" and plain.isdecimal()):
        return figure
    return f"{float(plain):g}" if len(plain) < 15 else plain


@lru_cache(maxsize=512)
def _stems(text: str) -> tuple[str, ...]:
    words = _WORD.findall(text.casefold())
    return tuple(_value(word) if word[0].isdecimal() else word[:_STEM] for word in words)


def _rearranged(one: tuple[str, ...], two: tuple[str, ...]) -> bool:
    """Whether shared words changed places (a reversal), or one word at most was replaced on either side.

    The last are the pairs that lie closest and mean another thing: a word came on top, or stands for another.
    """
    shared = Counter(one) & Counter(two)
    if min(len(one), len(two)) - shared.total() < 2:
        return one != two
    return [word for word in one if word in shared] != [word for word in two if word in shared]
