"""A question as the guards read it: its kind, and the words an answer could hang on, each in one spelling."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from . import lexicon, phrases
from .amounts import UNITS, dates, numbers
from .grammar import rewrite
from .spelling import american, english

_QUOTES = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "´": "'", "`": "'", "–": "-", "—": " - ", "…": " "})
_OPERATOR = r"!=|&&|[<>=+*/\\|^~#@\[\]{}×÷≤≥≠±→]+|(?<![\w)])-(?=\d)|(?<=\d )-(?= \d)"
"""Signs that code and sums hang on. Without them C, C++ and C# would be one language."""
_FLAG = r"(?<!\S)--?[^\W\d_][\w-]*"
_TOKEN = re.compile(rf"¿[a-z]+|codex\w+|{_FLAG}|[^\W\d_]+(?:'[^\W\d_]+)*|\d+(?:[.,:]\d+)*[a-z%]*|[$£€%°]|{_OPERATOR}")
_FORMULA = re.compile(rf"{_TOKEN.pattern}|[()]")
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
_YES_OR_NO = ("do", "can", "should", "have")
_PRECISE = frozenset(("exactly", "precisely"))
"""They count only where something is counted: exactly 4."""
_LASTING = frozenset(("take", "takes", "period", "duration"))
_PERSONS = dict.fromkeys(("i", "we", "me", "us", "my", "our"), "i") | dict.fromkeys(("you", "your"), "you")
_PERSONS |= dict.fromkeys(("anyone", "anybody", "someone", "somebody"), "any")
_MODALS = dict.fromkeys(("can", "could", "may", "might"), "can") | dict.fromkeys(("will", "shall"), "will")
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
        links: for each word, the preposition it hangs on, by group; empty if none was left out before it.
        persons: who does what: `i` and `you` among subjects and objects, in order.
        owners: `my` and `your`.
        modal: `can` or `will`, where the sentence has one that is no part of its words.
    """

    kind: str
    words: tuple[str, ...]
    numbers: tuple[str, ...]
    codes: tuple[str, ...]
    quotes: tuple[str, ...]
    names: frozenset[str]
    past: bool
    links: tuple[str, ...] = ()
    persons: tuple[str, ...] = ()
    owners: frozenset[str] = frozenset()
    modal: str = ""


@lru_cache(maxsize=16384)
def read(question: str) -> Reading:
    """Read a question. Never fails; text that is not English is compared word for word."""
    text = re.sub(r"\s+", " ", unicodedata.normalize("NFKC", question).translate(_QUOTES)).strip()
    names = frozenset(canonical(name) for name in _names(text))
    quotes = tuple(sorted((a or b).casefold().strip() for a, b in _QUOTED.findall(text)))
    plain = _expand(text.casefold())
    codes = tuple(sorted(code for code in _CODE.findall(plain) if not _AMOUNT.match(code)))
    if not english(plain):
        return _literal(text.casefold(), codes, quotes)
    plain = _unwrap(plain)
    for pattern, becomes in phrases.PHRASES:
        plain = pattern.sub(becomes, plain)
    kind = _kind(plain)
    words: list[str] = []
    links: list[str] = []
    asked = past = False
    link = before = ""
    tokens = dates(numbers(_split(plain)))
    counting = any(token[0].isdigit() for token in tokens)
    for raw in tokens:
        word = (
            raw if raw.startswith("¿") else "¿" + lexicon.QUESTIONS[raw] if raw in lexicon.QUESTIONS else canonical(raw)
        )
        last, before = before, raw
        if raw == "every" and kind in _YES_OR_NO:  # Is every, are all; but each ticket costs less than all of them.
            word = "all"
        elif raw in lexicon.NOUNS and (last in lexicon.DETERMINERS or raw.endswith("s")):
            word = stem(raw)
        if word == "¿" + kind and not asked:
            asked = True
        elif raw in lexicon.PAST:
            past = True
        elif _carries_nothing(raw, word, last, kind) or (raw in _PRECISE and not counting):
            link = lexicon.PREPOSITIONS.get(raw, link)
        else:
            words.append(word)
            links.append(link)
            link = ""
    figures = tuple(sorted(word for word in words if word[0].isdigit()))
    persons = tuple(_PERSONS[word] for word in re.findall(r"\b(?:i|we|me|us|you|(?:any|some)(?:one|body))\b", plain))
    owners = frozenset(_PERSONS[word] for word in re.findall(r"\b(?:my|our|your)\b", plain))
    modal = re.search(r"\b(can|could|may|might|will|shall)\b", plain)
    return Reading(
        *(kind, tuple(words), figures, codes, quotes, names, past, tuple(links)),
        *(persons, owners, _MODALS[modal.group()] if modal else ""),
    )


def _literal(text: str, codes: tuple[str, ...], quotes: tuple[str, ...]) -> Reading:
    """Every word as it stands, for a language the lexicon does not know."""
    words = tuple(re.findall(r"\d+(?:[.,:]\d+)*|[^\W\d_]+|[^\w\s.,;:!?¿¡]", text))
    figures = tuple(sorted(word for word in words if word[0].isdigit()))
    return Reading("say", words, figures, codes, quotes, frozenset(), False)


def _carries_nothing(raw: str, word: str, before: str, kind: str) -> bool:
    if kind == "howmuch" and raw in _PRICES:
        return True
    if kind == "howlong" and raw in _LASTING:
        return True
    if raw == "do":  # What should I do?
        return before not in ("i", "we", "you", "they", "to", "should", "must")
    if raw == "have":  # I want to have a dog; what is left of it by then.
        return before not in ("", "to", "must")
    return raw in lexicon.EMPTY or word in lexicon.EMPTY


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
    word: unit for word, unit in UNITS.items() if len(word) > 1
}


def _expand(text: str) -> str:
    words = []
    for word in text.split(" "):
        bare = word.strip('.,!?;:()"')
        full = phrases.CONTRACTIONS.get(bare)
        if full is None:
            ending = next((pair for pair in phrases.ENDINGS if bare.endswith(pair[0])), None)
            full = (
                bare[: -len(ending[0])] + ending[1]
                if ending
                else re.sub(r"^(what|how|where|who|when|why|that|it|there|he|she)'s$", r"\1 is", bare)
            )
        words.append(word.replace(bare, full, 1) if bare else word)
    return " ".join(words)


def _unwrap(text: str) -> str:
    for _ in range(2):
        for pattern, becomes in phrases.WRAPPERS:
            text = pattern.sub(becomes, text).strip(" ,.!:;-?") if text.strip() else text
    text = re.sub(r"\s+", " ", text).strip()
    # "In Python, how do I ..." asks what "How do I ... in Python" asks; Mongolia's capital is the capital of Mongolia.
    return _OF.sub(r"\2 \1", rewrite(_FRONTED.sub(r"\2 \1", text)))


def _split(text: str) -> list[str]:
    found = []
    text = _CODE.sub(lambda m: m.group() if _AMOUNT.match(m.group()) else _code(m.group()), text)
    for token in (_FORMULA if re.search(_OPERATOR, text) else _TOKEN).findall(text):
        amount = _AMOUNT.match(token)
        if amount:
            number, unit = amount.group(1), amount.group(2).lower()
            if unit == "k":
                found.append(number + "000")
            elif unit in ("st", "nd", "rd", "th"):
                found.append(number + "th")
            else:
                found += [number, unit]
        else:
            found.append(re.sub(r"'s?$", "", token) or token)
    return found


def _code(text: str) -> str:
    """A code as one token: nothing inside it may be read as a number or a word."""
    return "codex" + "".join(f"{ord(letter):x}" if not letter.isalnum() else letter for letter in text)


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
