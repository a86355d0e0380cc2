"""Sentences of another build that ask the same thing, rewritten to one build.

Only changes that keep who does what to whom: passive to active, "is X allowed to" to "can X", a question about a
gerund, a superlative, the two sides of "and" and "or". A sentence that fits no pattern stays as it is; a rewriting
that goes wrong does so alike for like sentences, and whatever then differs counts as a difference.
"""

from __future__ import annotations

import re

from . import lexicon
from .spelling import known

_FUNCTION = "|".join(sorted(lexicon.FUNCTION_WORDS, key=len, reverse=True))
_DETERMINER = r"(?:the|a|an|my|your|our|this|that|these|those)"
_PARTICIPLE = r"(\w{2,}ed|" + "|".join(lexicon.PARTICIPLES) + r")(?: (back|up|down|off|out|away|over))?(?= |$)"
_THING = r"((?!(?:i|we|you|me|us|it|they|he|she|there)\b)[\w'-]+(?: [\w'-]+){0,5}?)"
"""A noun phrase that is not a pronoun: "can I be charged" is another question than "can I charge"."""
_WORD = rf"(?!(?:{_FUNCTION})\b)[\w'-]+"
_DOER = rf"by ((?:{_DETERMINER} (?!\w*\d)|(?=\w+[^s\W\d]s\b)){_WORD}(?: {_WORD})?)"
"""Who did it: after an article, or in the plural. "By card" and "by Monday" name nobody."""

_PASSIVE = re.compile(
    rf"^(?:(how|when|where|why) )?(?:(can|could|may|might|should|must|will|would) {_THING} be|"
    rf"(is|are|was|were) {_THING}(?: being)?) {_PARTICIPLE}((?: (?!by\b)[\w'-]+){{0,6}}) {_DOER}(.*)$"
)
_WHO = re.compile(rf"^(who|what|(?:what|which) \w+) (is|are|was|were)(?: being)? {_PARTICIPLE} {_DOER}(.*)$")
_NOBODY = re.compile(rf"^(?:(how) )?(can|could|may|might|should|must|do|does) {_THING} be {_PARTICIPLE}(.*)$")
_STATE = re.compile(rf"^(?:((?:what|which) \w+) (?:is|are)|(?:is|are) {_THING}) {_PARTICIPLE}(?! to\b)(.*)$")
_TENSE = {"is": "does", "are": "does", "was": "did", "were": "did"}

_SIMPLE: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), becomes)
    for pattern, becomes in (
        (r"\b(?:is|are|am) ((?:[\w'-]+ ){0,5}?)(?:allowed|able|permitted) to\b", r"can \1"),
        (r"\b(?:is|are|am) ((?:[\w'-]+ ){1,5}?)going to\b", r"will \1"),
        (r"\bwill ((?:[\w'-]+ ){1,5}?)be able to\b", r"can \1"),
        (rf"^(?:do|does) {_THING} get {_PARTICIPLE}", r"is \1 \2 \3"),
        (rf"^did {_THING} get {_PARTICIPLE}", r"was \1 \2 \3"),
        (r"\bgot " + _PARTICIPLE, r"was \1 \2"),
        (r"\b(?:get|gets|getting) " + _PARTICIPLE, r"\1 \2"),
        (r"\bwhat happens? when\b", "what happen if"),
        (r"\b(?:what|which) (?:people|persons?)\b", "who"),
        (r"\b(what|which) ones?\b(?: of)?", r"\1"),
        (rf"\b(all|each|every|most|many|none|both) of (?={_DETERMINER}\b)", r"\1 "),
        # "Do some shops open" asks of some shops; "do you have any bread" asks for bread.
        (rf"\b(?:some|any) of (?={_DETERMINER}\b)", "someof "),
        (r"\b(do|does|did|is|are|was|were|can|could|may|might|will|would) (?:some|any)\b(?! more\b)", r"\1 someof"),
        (r"\bwhat is ((?:[\w'-]+ ){1,4}?)(?:period|duration)\b(?: (?:of|for|on)\b)?", r"¿howlong \1 "),
        (rf"^(?:what|which) ({_THING}) (?:is|are) the (\w+est|most \w+|least \w+)(?= |$)", r"what is the \3 \1"),
        (r"^(?:is|are) (?!there|anything|something|nothing|everything)(\w{3,}ing) ((?:[\w'-]+ )+)(\w+)$",
         r"is it \3 to \1 \2"),
    )
)  # fmt: skip
_PAIR = re.compile(rf"((?:[\w'-]+ )+)(and|or) (?:{_DETERMINER} )?((?:{_WORD} ?)+)")
LONGEST_SENTENCE = 300
"""Characters. Longer texts are several sentences, which these patterns do not describe."""


def rewrite(text: str) -> str:
    """One build for sentences that ask the same thing.

    Args:
        text: a question in lower case, contractions written out, without wrapping or closing punctuation.
    """
    if len(text) > LONGEST_SENTENCE:
        return text
    for pattern, becomes in _SIMPLE:
        text = pattern.sub(becomes, text)
    return _paired(_active(re.sub(r"\s+", " ", text).strip()))


def _active(text: str) -> str:
    parts: tuple[str | None, ...]
    if found := _PASSIVE.match(text):
        asked, modal, one, be, two, done, particle, rest, doer, end = found.groups()
        first = modal or _TENSE[be]
        parts = (asked, first, doer, base(done), particle, one or two, rest, end)
    elif found := _WHO.match(text):
        asked, be, done, particle, doer, end = found.groups()
        parts = (asked, _TENSE[be].replace("does", "do"), doer, base(done), particle, end)
    elif found := _NOBODY.match(text):
        asked, modal, thing, done, particle, end = found.groups()
        parts = ("how to" if asked else modal, "" if asked else "i", base(done), particle, thing, end)
    elif found := _STATE.match(text):
        asked, thing, done, particle, end = found.groups()
        parts = (asked, "do you", base(done), particle, thing, end)
    else:
        return text
    return re.sub(r"\s+", " ", " ".join(part for part in parts if part))


def base(participle: str) -> str:
    """The verb of a participle: stopped is stop, sent is send."""
    if participle in lexicon.PARTICIPLES:
        return lexicon.PARTICIPLES[participle]
    if participle.endswith("ied"):
        return participle[:-3] + "y"
    short = participle[:-2]
    doubled = [short[:-1]] if len(short) > 2 and short[-1] == short[-2] else []
    return next((form for form in (participle[:-1], short, *doubled) if known(form)), short)


def _paired(text: str) -> str:
    """The two sides of "and" and "or" in one order, where both have as many words. Numbers keep their order."""

    def ordered(found: re.Match[str]) -> str:
        left, link, right = found.group(1).split(), found.group(2), found.group(3).split()
        ours = left[-len(right) :]
        if len(left) < len(right) or any(word[0].isdigit() for word in (*ours, *right)) or ours[0] in _LINKS:
            return found.group()
        one, two = sorted((ours, right))
        return " ".join((*left[: -len(right)], *one, link, *two)) + (" " if found.group().endswith(" ") else "")

    return _PAIR.sub(ordered, text)


_LINKS = lexicon.FUNCTION_WORDS - lexicon.DETERMINERS
