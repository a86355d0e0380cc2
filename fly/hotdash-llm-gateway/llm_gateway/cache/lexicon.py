# ruff: noqa: E501, SIM905
"""What the guards know of English: which words carry nothing, and which words mean the same.

Everything here is general: no company's products, no data set. A word that is not listed counts, so a gap in these
tables costs a hit, never a wrong answer; a wrong line costs wrong answers, so only close synonyms belong here.
"""

from __future__ import annotations

import re

# Words that carry nothing a different answer could hang on.
EMPTY = frozenset(
    "a an the i me we us you myself ourselves yourself my our your mine ours yours am is are be being been do does have "
    "has having it its there that this these those of on in at to for with and about as "
    "can could may might into guys still ever will shall "
    "actually really basically simply also then so oh okay please kindly very "
    "any some offer provide got available possible able would "
    "whether someone anyone somebody".split()
)

DETERMINERS = frozenset("a an the my your our this that these those".split())
FUNCTION_WORDS = DETERMINERS | frozenset(
    "i we you me us it they them he she him her there is are am was were be been being do does did has have had can could "
    "may might will would shall should must to of in on at for with without from by about as into onto than before after "
    "during until since under over between within through via per and or but if when while because so not no what which "
    "who whom whose how why where".split()
)
"""Words that end a noun phrase."""
ONLY_ENGLISH = frozenset(
    "the are how what when where who why which my your does did can should would could with than from has this there "
    "not into need get".split()
)
"""Words that tell English from other languages in Latin letters."""
PARTICIPLES: dict[str, str] = dict(
    pair.split(":")
    for pair in (
        "sent:send made:make taken:take given:give paid:pay seen:see written:write known:know found:find held:hold "
        "kept:keep told:tell bought:buy sold:sell left:leave lost:lose driven:drive eaten:eat done:do brought:bring "
        "broken:break chosen:choose drawn:draw forgotten:forget hidden:hide led:lead meant:mean ridden:ride rung:ring "
        "shown:show spent:spend spoken:speak stolen:steal taught:teach thrown:throw won:win worn:wear built:build "
        "caught:catch dealt:deal felt:feel fed:feed fought:fight grown:grow heard:hear lent:lend sung:sing sunk:sink "
        "sought:seek shaken:shake shot:shoot sworn:swear torn:tear woken:wake withdrawn:withdraw beaten:beat bitten:bite "
        "frozen:freeze flown:fly forgiven:forgive ground:grind hung:hang laid:lay lit:light overdrawn:overdraw "
        "overridden:override rewritten:rewrite rebuilt:rebuild repaid:repay resold:resell slid:slide stuck:stick "
        "struck:strike swept:sweep thought:think understood:understand undone:undo unwound:unwind"
    ).split()
)
"""Irregular participles that are not also the verb itself, each with its verb."""

# Prepositions that are left out of a question's words. In one group they say the same between two nouns; a noun
# standing alone goes with the first two groups (venue parking, parking at the venue, call the bank, call to the bank).
PREPOSITIONS: dict[str, str] = {
    word: group[0]
    for group in (("of", "for"), ("in", "on", "at"), ("to", "into"), ("with",), ("about",), ("as",))
    for word in group
}

QUESTIONS = {
    "how": "how", "why": "why", "when": "when", "where": "where", "who": "who", "whom": "who", "whose": "whose",
    "what": "what", "which": "what",
}  # fmt: skip

PAST = frozenset("was were did had".split())

NEGATIONS = frozenset("not no never without neither nor none nobody nothing nowhere except unless hardly".split())

MONTHS: dict[str, str] = {
    short: full + "-month"
    for full in "january february march april may june july august september october november december".split()
    for short in (full, full[:3], full[:4])
}
DAYS: dict[str, str] = {
    short: full
    for full in "monday tuesday wednesday thursday friday saturday sunday".split()
    for short in (full, full + "s", full[:3], full[:4], full[:5])
    if short not in ("sun", "sat", "wed", "mond", "frid", "satu", "sund", "tuesd", "frida", "satur")
}

_SAME = """
close shut
nearest closest
colleague teammate coworker
frequently often
cancel terminate cancellation cancelation discontinue
buy purchase
start begin commence
fix repair mend
change modify amend alter
remove delete erase removal deletion
refund reimburse reimbursement
deliver delivery ship shipping
parcel package
price cost fee
allow permit
register enrol enroll registration enrolment enrollment
holiday vacation
child kid children
doctor gp physician
flat apartment
bill invoice
get obtain receive
choose select pick
big large
quick fast rapid speedy
quickly rapidly
help assist assistance
photo picture photograph
film movie
find locate
lift elevator
car automobile
forget forgot forgotten
lose lost
pay payment
activate activation
renew renewal
reserve reservation book booking
approve approval
arrive arrival
withdraw withdrawal
verify verification
confirm confirmation
install installation
configure configuration
use utilise utilize usage
need require
staff employee
mistake error
faulty defective
wrong incorrect
rubbish trash garbage
toilet bathroom restroom loo
lawyer solicitor attorney
timetable schedule
currently presently now
maximum max
minimum min
phone telephone
website site webpage
internet web
via through
until till
near nearby
among amongst
while whilst
daily everyday
annual annually
kind type sort
biggest largest
smallest littlest
calculate compute
stop quit
sofa couch
luggage baggage
petrol gasoline
truck lorry
bicycle bike
motorcycle motorbike
airplane aeroplane plane
taxi cab
fridge refrigerator
television tv telly
exam examination
lab laboratory
vet veterinarian
math maths mathematics
advertisement advert ad
abroad overseas
worldwide globally
immediately instantly
enough sufficient
whole entire
easy simple
dangerous hazardous
forbidden prohibited banned
mandatory compulsory obligatory
optional voluntary
additional extra
reply respond
beverage drink
accommodation lodging
happen occur
shop store
trip journey
country nation
try attempt
keep retain
totally completely entirely
rarely seldom
roughly approximately
cheap inexpensive
expensive costly
sick ill
"""
LITERAL = frozenset(
    "news less always perhaps is as this goods customs glasses arms means spirits damages premises contents".split()
)
"""Words whose ending is no plural of the word without it."""
NOUNS = frozenset("book books ship ships".split())
"""Words that the table below takes for verbs: after an article, or with a plural, they are other words."""

SYNONYMS: dict[str, str] = {word: line.split()[0] for line in _SAME.split("\n") for word in line.split()}

# British spellings to American ones, as endings of whole words and as single words.
SPELLINGS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), becomes)
    for pattern, becomes in (
        (r"^(.{3,})is(e|es|ed|ing|ation|ations)$", r"\1iz\2"), (r"^(.{2,}[bdlnv])our(s|ed|ing|ite|able)?$", r"\1or\2"),
        (r"^(.*(?:cent|theat|met|lit|fib))re(s)?$", r"\1er\2"), (r"^(.{3,})ogue(s)?$", r"\1og\2"), (r"^(.{2,}[aeiou]l)l(ed|ing|er|ers)$", r"\1\2"),
        (r"^(lic|def|off)ence(s)?$", r"\1ense\2"), (r"^programme(s)?$", r"program\1"), (r"^cheque(s)?$", r"check\1"),
        (r"^grey$", "gray"), (r"^instalment(s)?$", r"installment\1"), (r"^enrolment$", "enrollment"), (r"^tyre(s)?$", r"tire\1"), (r"^practise(.*)$", r"practice\1"), (r"^jewellery$", "jewelry"),
    )
)  # fmt: skip

CALENDAR = frozenset(DAYS) | frozenset(MONTHS)
"""Words written with a capital that are no names."""

NEWER_WORDS = frozenset(
    "app apps blog blogs browser browsers chatbot checkout cloud dropdown email emails emoji hashtag hotspot inbox laptop "
    "laptops login logout malware modem online password passwords phishing podcast router routers screenshot selfie "
    "smartphone smartphones smartwatch spam spreadsheet streaming tablet tablets touchscreen unsubscribe upload username "
    "voicemail voicemails webinar website websites wifi wireless workspace dashboard roaming broadband ebook ebooks "
    "gluten vegan vegans vegetarian contactless onboarding timesheet payslip payslips".split()
)
"""Words that lists made from older text lack."""
