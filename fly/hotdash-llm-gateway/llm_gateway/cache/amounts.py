# ruff: noqa: SIM905
"""Numbers, units, times and dates in one spelling each."""

from __future__ import annotations

import re

from . import lexicon

_MONEY = ("$", "£", "€")
NUMBER_WORDS: dict[str, int] = {
    word: value
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen".split()
    )
} | {word: 10 * at for at, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)}
MULTIPLIERS = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000, "dozen": 12}
ORDINALS: dict[str, int] = {
    word: value
    for value, word in enumerate(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
        "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth".split(),
        start=1,
    )
}
UNITS: dict[str, str] = {
    variant: unit
    for unit, variants in {
        "minute": "min mins minutes", "hour": "hr hrs hours h", "second_time": "sec secs seconds", "day": "days",
        "week": "wk wks weeks", "month": "months", "year": "yr yrs years", "kilogram": "kg kgs kilo kilos kilograms",
        "gram": "g grams", "milligram": "mg milligrams", "kilometre": "km kms kilometres kilometers kilometer",
        "metre": "m metres meters meter", "centimetre": "cm centimetres centimeters centimeter",
        "mile": "miles", "dollar": "$ usd dollars bucks", "pound": "£ gbp pounds quid lb lbs", "euro": "€ eur euros",
        "percent": "% percentage pct", "gigabyte": "gb gigabytes gig gigs", "megabyte": "mb megabytes",
        "litre": "l litres liters liter", "degree": "degrees °",
    }.items()
    for variant in variants.split()
}  # fmt: skip


def numbers(tokens: list[str]) -> list[str]:
    """Number words become digits: twenty-five is 25, two hundred 200, third 3th; units get one name."""
    found: list[str] = []
    total = current = 0
    running = False

    def flush() -> None:
        nonlocal total, current, running
        if running:
            found.append(str(total + current))
        total, current, running = 0, 0, False

    for before, word, after in zip(["", *tokens], tokens, [*tokens[1:], ""], strict=False):
        if word in NUMBER_WORDS:
            value = NUMBER_WORDS[word]
            if running and not (current % 100 >= 20 and value < 10) and not (current >= 100 and current % 100 == 0):
                flush()
            current, running = current + value, True
        elif word in MULTIPLIERS and (running or word == "dozen"):
            factor = MULTIPLIERS[word]
            current = (current or 1) * factor
            running = True
            if factor >= 1000:
                total, current = total + current, 0
        elif word == "and" and running and current >= 100:
            continue
        else:
            flush()
            if word[0].isdigit():
                found.append(_number(word, before, after))
            elif word in ORDINALS:
                found.append(f"{ORDINALS[word]}th")
            elif word in ("$", "£", "€", "%", "°") or (found and found[-1][0].isdigit() and word in UNITS):
                found.append(UNITS[word])
            elif word in ("twice", "noon", "midnight"):
                found += {"twice": ["2", "times"], "noon": ["12", "pm"], "midnight": ["12", "am"]}[word]
            else:
                found.append(lexicon.DAYS.get(word, word))
    flush()
    return found


def _number(word: str, before: str, after: str) -> str:
    """A number by value. Closing zeros count unless it is an amount: version 3.10 is not version 3.1."""
    plain = re.sub(r",(?=\d{3}\b)", "", word)
    if after in ("am", "pm"):
        return re.sub(r":00$", "", plain.replace(".", ":").lstrip("0")) or "0"
    if "." in plain and (before in _MONEY or after in UNITS):
        plain = re.sub(r"(\.\d*?)0+$", r"\1", plain).rstrip(".")
    return plain.lstrip("0") or "0"


def dates(tokens: list[str]) -> list[str]:
    """Month and day, amount and currency in one order: 3rd of May and May 3, £5 and 5 pounds."""
    found = list(tokens)
    for at in range(len(found)):
        one, two = found[at], found[at + 1] if at + 1 < len(found) else " "
        if one in ("dollar", "pound", "euro") and two[0].isdigit():
            found[at], found[at + 1] = two, one
        elif one[0].isdigit() and two == "of" and at + 2 < len(found) and found[at + 2] in lexicon.MONTHS:
            found[at : at + 3] = [lexicon.MONTHS[found[at + 2]], _day(one), "of"]
        elif one[0].isdigit() and two in lexicon.MONTHS:
            found[at], found[at + 1] = lexicon.MONTHS[two], _day(one)
        elif one in lexicon.MONTHS and (one != "may" or two[0].isdigit()):
            found[at] = lexicon.MONTHS[one]
            if two[0].isdigit():
                found[at + 1] = _day(two)
    return found


def _day(number: str) -> str:
    """The 3rd of a month is its 3; elsewhere the third is not three."""
    return number.removesuffix("th")
