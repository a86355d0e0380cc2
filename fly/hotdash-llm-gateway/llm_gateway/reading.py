"""A question as the guards read it: its kind, and the words an answer could hang on, each in one spelling."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from . import lexicon
from .spelling import american

_QUOTES = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "´": "'", "`": "'", "–": "-", "—": " - ", "…": " "})
_TOKEN = re.compile(r"¿[a-z]+|codex\w+|[^\W\d_]+(?:'[^\W\d_]+)*|\d+(?:[.,:]\d+)*[a-z%]*|[$£€%°]")
_CODE = re.compile(
    r"[^\s@]{1,64}@[^\s@]{1,255}\.\w+|(?:https?://|www\.)\S+|#\w+"
    r"|\b(?=[\w-]{0,64}\d)(?=[\w-]{0,64}[a-z])[a-z0-9]+(?:-[a-z0-9]+)*\b",
    re.IGNORECASE,
)
_AMOUNT = re.compile(
    r"^(\d+)(st|nd|rd|th|am|pm|k|m|h|min|mins|hr|hrs|gb|mb|tb|kg|g|mg|km|cm|mm|lb|lbs|l|ml|s|x|yr|yrs|%)$",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"\"([^\"]{1,200})\"|(?<!\w)'([^']{2,200})'(?!\w)")
_OF = re.compile(r"\b([^\W\d_]+) of (?:(?:the|a|an|my|your|our|this|that) )?([^\W\d_]+)")
_FRONTED = re.compile(
    r"^([^,?]+), ?((?:is|are|am|was|were|do|does|did|can|could|may|might|will|would|should|must|has|have|"
    r"how|what|which|when|where|who|why)\b.*|¿.*)$"
)
_PRICES = frozenset(("price", "prices", "cost", "costs", "fee", "fees", "charge", "charges", "charged"))
_AUXILIARY = re.compile(
    r"^(?:is|are|am|was|were|do|does|did|can|could|may|might|will|would|should|shall|must|has|have|had)\b"
)


@dataclass(frozen=True)
class Reading:
    """What is left of a question.

    Attributes:
        kind: how, when, what ..., `do` or `can` for yes-or-no questions, `say` for anything else.
        words: words that count, in order, in their canonical form.
        numbers: numbers by value, with no order.
        codes: addresses, links, order numbers and the like.
        quotes: quoted text.
        names: those written like a name.
        past: whether it asks about the past.
    """

    kind: str
    words: tuple[str, ...]
    numbers: tuple[str, ...]
    codes: tuple[str, ...]
    quotes: tuple[str, ...]
    names: frozenset[str]
    past: bool


@lru_cache(maxsize=16384)
def read(question: str) -> Reading:
    """Read a question. Never fails; text that is not English is compared word for word."""
    text = re.sub(r"\s+", " ", unicodedata.normalize("NFKC", question).translate(_QUOTES)).strip()
    names = frozenset(canonical(name) for name in _names(text))
    quotes = tuple(sorted((a or b).casefold().strip() for a, b in _QUOTED.findall(text)))
    plain = _expand(text.casefold())
    codes = tuple(sorted(code for code in _CODE.findall(plain) if not _AMOUNT.match(code)))
    plain = _unwrap(plain)
    for pattern, becomes in lexicon.PHRASES:
        plain = pattern.sub(becomes, plain)
    kind = _kind(plain)
    words: list[str] = []
    asked = past = False
    for raw in _dates(_numbers(_split(plain))):
        word = (
            raw if raw.startswith("¿") else "¿" + lexicon.QUESTIONS[raw] if raw in lexicon.QUESTIONS else canonical(raw)
        )
        if word == "¿" + kind and not asked:
            asked = True
            continue
        empty = raw in lexicon.EMPTY or word in lexicon.EMPTY or (kind == "howmuch" and raw in _PRICES)
        if raw in lexicon.PAST:
            past = True
            continue
        if not empty:
            words.append(word)
    numbers = tuple(sorted(word for word in words if word[0].isdigit()))
    return Reading(kind, tuple(words), numbers, codes, quotes, names, past)


@lru_cache(maxsize=16384)
def canonical(word: str) -> str:
    """One form per word: spelling, plural, -ing, and the synonyms of the lexicon."""
    word = american(word)
    for form in (word, stem(word)):
        if form in _GROUPS:
            return _GROUPS[form]
    return stem(word)


def stem(word: str) -> str:
    """A word without plural or -ing; a participle in -ed stays a word of its own (closed is not close)."""
    if len(word) < 4 or not word.isalpha() or word in lexicon.LITERAL:
        return word
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif re.search(r"(?:ss|x|z|ch|sh)es$", word):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    if word.endswith("ing") and len(word) > 5 and re.search(r"[aeiouy]", word[:-3]):
        word = word[:-3]
        if re.search(r"([bdgmnprt])\1$", word):
            word = word[:-1]
    if word.endswith("ly") and len(word) > 6:
        word = word[:-2]
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


_GROUPS = {form: group for word, group in lexicon.SYNONYMS.items() for form in (word, stem(word))} | {
    word: unit for word, unit in lexicon.UNITS.items() if len(word) > 1
}


def _expand(text: str) -> str:
    words = []
    for word in text.split(" "):
        bare = word.strip('.,!?;:()"')
        full = lexicon.CONTRACTIONS.get(bare)
        if full is None:
            ending = next((pair for pair in lexicon.ENDINGS if bare.endswith(pair[0])), None)
            full = (
                bare[: -len(ending[0])] + ending[1]
                if ending
                else re.sub(r"^(what|how|where|who|when|why|that|it|there|he|she)'s$", r"\1 is", bare)
            )
        words.append(word.replace(bare, full, 1) if bare else word)
    return " ".join(words)


def _unwrap(text: str) -> str:
    for _ in range(2):
        for pattern, becomes in lexicon.WRAPPERS:
            text = pattern.sub(becomes, text).strip(" ,.!:;-?") if text.strip() else text
    text = re.sub(r"\s+", " ", text)
    # "In Python, how do I ..." asks what "How do I ... in Python" asks; Mongolia's capital is the capital of Mongolia.
    return _OF.sub(r"\2 \1", _FRONTED.sub(r"\2 \1", text))


def _split(text: str) -> list[str]:
    found = []
    for token in _TOKEN.findall(_CODE.sub(lambda m: m.group() if _AMOUNT.match(m.group()) else _code(m.group()), text)):
        amount = _AMOUNT.match(token)
        if amount:
            number, unit = amount.groups()
            unit = unit.lower()
            found += (
                [number + "000"] if unit == "k" else [number] if unit in ("st", "nd", "rd", "th") else [number, unit]
            )
        else:
            found.append(re.sub(r"'s?$", "", token) or token)
    return found


def _code(text: str) -> str:
    """A code as one token: nothing inside it may be read as a number or a word."""
    return "codex" + "".join(f"{ord(letter):x}" if not letter.isalnum() else letter for letter in text)


def _numbers(tokens: list[str]) -> list[str]:
    """Number words become digits: twenty-five is 25, two hundred 200, third 3; units get one name."""
    found: list[str] = []
    total = current = 0
    running = False

    def flush() -> None:
        nonlocal total, current, running
        if running:
            found.append(str(total + current))
        total, current, running = 0, 0, False

    for word in tokens:
        if word in lexicon.NUMBER_WORDS:
            value = lexicon.NUMBER_WORDS[word]
            if running and not (current % 100 >= 20 and value < 10) and not (current >= 100 and current % 100 == 0):
                flush()
            current, running = current + value, True
        elif word in lexicon.MULTIPLIERS and (running or word == "dozen"):
            factor = lexicon.MULTIPLIERS[word]
            current = (current or 1) * factor
            running = True
            if factor >= 1000:
                total, current = total + current, 0
        elif word == "and" and running and current >= 100:
            continue
        else:
            flush()
            if word[0].isdigit():
                plain = re.sub(r",(?=\d{3}\b)", "", word)
                plain = re.sub(r"(\.\d*?)0+$", r"\1", plain).rstrip(".") if "." in plain else plain
                found.append(plain.lstrip("0") or "0")
            elif word in lexicon.ORDINALS:
                found.append(str(lexicon.ORDINALS[word]))
            elif word in ("$", "£", "€", "%", "°") or (found and found[-1][0].isdigit() and word in lexicon.UNITS):
                found.append(lexicon.UNITS[word])
            elif word in ("twice", "noon", "midnight"):
                found += {"twice": ["2", "times"], "noon": ["12", "pm"], "midnight": ["12", "am"]}[word]
            else:
                found.append(lexicon.DAYS.get(word, word))
    flush()
    return found


def _dates(tokens: list[str]) -> list[str]:
    """Month and day, amount and currency in one order: 3rd of May and May 3, £5 and 5 pounds."""
    found = list(tokens)
    money = {"dollar", "pound", "euro"}
    for at in range(len(found)):
        one, two = found[at], found[at + 1] if at + 1 < len(found) else " "
        if one in money and two[0].isdigit():
            found[at], found[at + 1] = two, one
        elif one[0].isdigit() and two == "of" and at + 2 < len(found) and found[at + 2] in lexicon.MONTHS:
            found[at : at + 3] = [lexicon.MONTHS[found[at + 2]], one, "of"]
        elif one[0].isdigit() and two in lexicon.MONTHS:
            found[at], found[at + 1] = lexicon.MONTHS[two], one
        elif one in lexicon.MONTHS and (one != "may" or two[0].isdigit()):
            found[at] = lexicon.MONTHS[one]
    return found


def _kind(text: str) -> str:
    marked = re.search(r"¿([a-z]+)", text)
    if marked:
        return marked.group(1)
    if re.match(r"^(?:can|could|may|might|should|shall|must) (?:i|we|my|our)\b", text):
        return "should" if text.startswith(("should", "shall", "must")) else "can"
    if re.match(r"^(?:has|have|had)\b", text):
        return "have"
    if _AUXILIARY.match(text):
        return "do"
    for word in re.findall(r"[a-z]+", text):
        if word in lexicon.QUESTIONS:
            return lexicon.QUESTIONS[word]
    return "say"


def _names(text: str) -> list[str]:
    """Words with a capital letter that is not owed to the start of a sentence, in lower case."""
    starts = {match.end() for match in re.finditer(r"(?:^|[.!?:]\s+|[\"(])", text)}
    return [
        match.group().casefold()
        for match in re.finditer(r"[^\W\d_]+", text)
        if match.start() not in starts and match.group()[0].isupper() and match.group() != "I"
    ]
