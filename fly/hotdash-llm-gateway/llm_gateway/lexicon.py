# ruff: noqa: E501, SIM905
"""What the guards know of English: which words carry nothing, and which words mean the same.

Everything here is general: no company's products, no data set. A word that is not listed counts, so a gap in these
tables costs a hit, never a wrong answer; a wrong line costs wrong answers, so only close synonyms belong here.
"""

from __future__ import annotations

import re

CONTRACTIONS: dict[str, str] = {
    "won't": "will not", "can't": "can not", "cannot": "can not", "shan't": "shall not", "let's": "let us",
    "i'm": "i am", "gonna": "going to", "wanna": "want to", "gotta": "have to", "dont": "do not", "doesnt": "does not",
    "didnt": "did not", "isnt": "is not", "cant": "can not", "wont": "will not", "im": "i am", "ive": "i have",
    "whats": "what is", "hows": "how is", "wheres": "where is", "whos": "who is", "u": "you", "ur": "your", "r": "are",
    "pls": "please", "plz": "please", "thx": "thanks", "info": "information", "asap": "soon", "ok": "okay",
}  # fmt: skip
ENDINGS = (("n't", " not"), ("'re", " are"), ("'ve", " have"), ("'ll", " will"), ("'d", " would"))

# Openings and closings that only wrap a question, taken off before anything is compared. Applied in order.
_SAY = r"(?:tell|show|explain(?: to)?|advise|inform|remind|help|walk|talk|guide|point|let)"
WRAPPERS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), becomes)
    for pattern, becomes in (
        (r"\b(?:please|kindly|thanks(?: a lot| so much| in advance)?|thank you(?: so much| very much| in advance)?|cheers)\b", " "),
        (r"^(?:(?:hi|hello|hey|hiya|good (?:morning|afternoon|evening|day)|greetings|sorry|excuse me|okay|so|well|um|erm|"
         r"quick question|question|just (?:a )?quick (?:one|question))\b(?: there| all| team| again| guys)?[\s,.!:-]*)+", ""),
        (r"^(?:i (?:am|was) )?(?:just )?(?:wondering|curious)(?: if| whether| about)?\b[\s,:]*", ""),
        (r"^i (?:just )?(?:(?:would|want|need|wish|am trying|am looking|would love)(?: like| love)? to )?"
         r"(?:know|find out|understand|ask|learn|check|see|figure out|work out|have a question)(?: about| if| whether)?\b[\s,:]*", ""),
        (r"^(?:can|could|would|will|might) (?:you|someone|anyone|anybody|somebody)(?: possibly| perhaps)? " + _SAY
         + r"(?: (?:me|us))?(?: (?:know|understand|figure out|find out|through|with|on|about|to|how to find))*\b", ""),
        (r"^(?:can|could|may) i (?:just )?(?:ask|check|know|find out)(?: you)?(?: about| if| whether)?\b", ""),
        (r"^(?:do|would|does) (?:you|anyone|anybody) (?:happen to )?(?:know|have any idea)(?: about| if| whether)?\b", ""),
        (r"^(?:any (?:idea|clue)|any chance you (?:know|could tell me))(?: about| if| whether| on)?\b", ""),
        (r"^(?:please )?" + _SAY + r" (?:me|us)(?: (?:know|understand|through|with|on|about))*\b", ""),
        (r"^(?:would|do) you mind (?:telling|explaining to|showing) (?:me|us)\b", ""),
        (r"^in (?:that|this) case\b|^actually\b", ""),
        (r",?\s+(?:how (?:do|can|would|should) i (?:do|go about|manage) (?:that|this|it))\s*$", " ¿how "),
        (r",?\s+(?:is (?:that|this|it) (?:possible|okay|allowed|alright)|can i (?:do (?:that|this|it)))\s*$", " ¿can "),
        (r"\b(?:are|am|is) (i|we|you) (?:able|allowed|permitted|free) to\b", r"can \1"),
        (r"\bis (?:it|there) (?:possible|okay|ok|alright|allowed|permitted|any way|a way|some way) (?:for (?:me|us|you) )?to\b", "can i"),
        (r"\bis (?:there )?(?:any|a|some) (?:possibility|chance|option) (?:of|to)\b", "can i"),
        (r"\b(?:what (?:is|are|would be)|what's) (?:the )?(?:(?:best|easiest|correct|right|proper|quickest|simplest) )?"
         r"(?:way|method|process|procedure|steps?)(?: (?:for|to|of|in|i need to take to|required to|needed to|involved in))+\b", "how to"),
        (r"\bwhat (?:do|should|must|would|can) (?:i|we|you) (?:have to |need to )?do(?: in order)? to\b", "how to"),
        (r"\b(?:the )?(?:way|steps|process|procedure) (?:for|to)\b", "how to"),
        (r"\bhow (?:can|do|does|would|could|should|might|may|will|am|are|is) (?:i|we|you|one|someone|somebody|people|a (?:person|user|customer)|users|customers)\b"
         r"(?: (?:go about|be able to|get to|manage to|supposed to|meant to|proceed to))?", "how to"),
        (r"^(?:could|would|will) you\b(?: be able to\b)?", ""),
        (r"\b(who|where|how) should (?:i|we)\b", r"\1 do i"),
        (r"\bwhere (?:can|do|could|would|will) (?:i|we) (?:find|see|locate)\b", "where is"),
        (r"^(?:do|must|should) (?:i|we) (?:need|have) to\b|^(?:must|need) (?:i|we)\b"
         r"|^(?:am i|are we) (?:required|obliged) to\b|^is it (?:necessary|mandatory|compulsory|obligatory)(?: for me)? to\b", "¿must "),
        (r"\bwhat(?: happens)? if\b", "what happen if"),
        (r"\bwhat (?:does|do) (?:the (?:word|term|phrase|abbreviation|acronym) )?(.+?) mean\b", r"what is the meaning of \1"),
        (r"\bmeaning of the (?:word|term|phrase|abbreviation|acronym)\b", "meaning of"),
        (r"\bwhat (?:is|are) (?:your |the |its |their )?(?:opening|business|working|trading|operating|store|office) (?:hours|times)\b", "when open"),
        (r"\bhow (?:come|is it that)\b|\b(?:what is )?the reason (?:that|why|for)\b|\bwhat is the reason\b|\bfor what reason\b", "why"),
        (r"\b(?:at |on |by |from )?(?:what|which) (?:time|hours?|date|days?)\b(?! (?:limit|frame|zone|period))", "when"),
        (r"\bhow much (?:does|do|will|would|is|are)(.*?)\b(?:cost|charged|priced)\b", r"¿howmuch \1"),
        (r"\bhow much (?:is|are|for)\b", "¿howmuch "),
        (r"\bwhat (?:is|are)((?: (?!in\b|on\b|if\b)\w+){0,3}?) (?:cost|price|prices|costs|fee|fees|charge|charges)\b(?: (?:of|for|to))?", r"¿howmuch \1"),
        (r"\bwhat (?:does|do|will|would)(.*?)\bcost\b", r"¿howmuch \1"),
        (r"\bwhat (?:kinds?|types?|sorts?) of\b", "what"),
        (r"\bhow (long|many|often|frequently|far|old|soon|big|much|late|early|fast|quickly)\b", r"¿how\1 "),
    )
)  # fmt: skip

# Whole phrases that amount to one word.
PHRASES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(rf"\b(?:{pattern})\b"), becomes)
    for pattern, becomes in (
        (r"(?:log|sign)(?:ging|ged)? ?in(?:to)?|login", "login"),
        (r"(?:log|sign)(?:ging|ged)? ?(?:out|off)|logout", "logout"),
        (r"sign(?:ing|ed)? ?up|signup", "register"),
        (r"check(?:ing|ed)? ?in", "checkin"),
        (r"check(?:ing|ed)? ?out", "checkout"),
        (r"get(?:ting)? rid of|do away with", "remove"),
        (r"get(?:ting)? in touch with|get(?:ting)? (?:a )?hold of|reach out to|speak (?:to|with)|talk (?:to|with)", "contact"),
        (r"send(?:ing)?(?: (?:it|them|something|items?))? back|give back|bring back|tak(?:e|ing) back", "return"),
        (r"get my money back|money back", "refund"),
        (r"call(?:ing)? off", "cancel"),
        (r"set(?:ting)? up", "setup"),
        (r"turn(?:ing|ed)? on|switch(?:ing|ed)? on", "enable"),
        (r"turn(?:ing|ed)? off|switch(?:ing|ed)? off", "disable"),
        (r"opt(?:ing)? out(?: of)?", "optout"),
        (r"opt(?:ing)? in(?: to)?", "optin"),
        (r"(?:opening|business|working|trading|operating|store|office) (?:hours|times?)|hours of (?:operation|business)", "openhours"),
        (r"free of charge|for free|without (?:paying|charge|cost)|at no (?:extra )?(?:cost|charge)|no charge", "free"),
        (r"have to|got to|required to|obliged to|supposed to", "must"), (r"(?:is|are|am|be) going to", "will"),
        (r"(?:turn|switch)(?:ing|ed)?((?: (?!on\b|off\b)\w+){1,3}) on", r"enable\1"),
        (r"(?:turn|switch)(?:ing|ed)?((?: (?!on\b|off\b)\w+){1,3}) off", r"disable\1"),
        (r"as well as", "and"),
        (r"two ?-?factor(?: authentication)?|2fa|two ?-?step verification|mfa", "2fa"),
        (r"wi-? ?fi", "wifi"), (r"e-?mail", "email"), (r"on-? ?line", "online"), (r"post ?code|zip ?code", "postcode"),
        (r"credit cards?", "creditcard"), (r"debit cards?", "debitcard"), (r"gift (?:cards?|vouchers?)", "giftcard"),
        (r"cell ?phones?|mobile ?phones?|mobiles?|smart ?phones?", "phone"),
        (r"public holidays?|bank holidays?", "bankholiday"),
        (r"customer (?:services?|support|care)", "support"),
        (r"a\.m\.?", "am"), (r"p\.m\.?", "pm"), (r"u\.?s\.?a\.?|united states(?: of america)?", "usa"),
        (r"united kingdom|u\.k\.?", "uk"), (r"new york city|nyc", "new york"), (r"european union", "eu"),
        (r"every day|each day", "daily"), (r"every week|each week|(?:per|a) week", "weekly"),
        (r"every month|each month|(?:per|a) month", "monthly"), (r"every year|each year|per annum|(?:per|a) year|yearly", "annual"),
        (r"find out(?: about)?", "know"), (r"look(?:ing)? for", "find"), (r"fill(?:ing)? (?:in|out)", "complete"),
        (r"in order to", "to"), (r"right now|at the moment|at present", "currently"),
        (r"more than|greater than|in excess of", "over"), (r"less than|fewer than", "under"),
        (r"at least", "atleast"), (r"at most|no more than|up to", "atmost"), (r"prior to", "before"),
        (r"apart from|other than|aside from|excluding", "except"),
    )
)  # fmt: skip

# Words that carry nothing a different answer could hang on.
EMPTY = frozenset(
    "a an the i me we us you myself ourselves yourself my our your mine ours yours am is are be being been do does have "
    "has having it its there that this these those of on in at to for with and about as "
    "can could may might into guys still ever will shall "
    "just exactly actually really basically simply also then so oh okay please kindly very "
    "any some offer provide got available possible able would want like wish know "
    "whether someone anyone somebody".split()
)

QUESTIONS = {
    "how": "how", "why": "why", "when": "when", "where": "where", "who": "who", "whom": "who", "whose": "whose",
    "what": "what", "which": "what",
}  # fmt: skip

PAST = frozenset("was were did had".split())

NEGATIONS = frozenset("not no never without neither nor none nobody nothing nowhere except unless hardly".split())

NUMBER_WORDS: dict[str, int] = {
    word: value
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
        "eighteen nineteen".split()
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

_SAME = """
close shut
nearest closest
colleague teammate coworker
frequently often
cancel terminate cancellation cancelation discontinue
buy purchase
start begin commence
fix repair mend
change update modify edit amend alter
remove delete erase removal deletion
refund reimburse reimbursement
deliver delivery ship shipping
parcel package
price cost fee
allow permit
let rent
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
contact reach
forget forgot forgotten
lose lost
pay payment
activate activation
renew renewal
book booking reserve reservation
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
job position
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
application app
via by through
until till
near nearby
among amongst
while whilst
daily everyday
annual annually
kind type sort
also too
"""
LITERAL = frozenset("news less always perhaps is as this".split())
"""Words whose ending is no plural."""

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
