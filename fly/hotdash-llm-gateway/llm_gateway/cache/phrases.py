# ruff: noqa: E501
"""Turns of phrase that the guards take off a question or write in one way. As general as the lexicon."""

from __future__ import annotations

import re

CONTRACTIONS: dict[str, str] = {
    "won't": "will not", "can't": "can not", "cannot": "can not", "shan't": "shall not", "let's": "let us",
    "i'm": "i am", "gonna": "going to", "wanna": "want to", "gotta": "have to", "dont": "do not", "doesnt": "does not",
    "didnt": "did not", "isnt": "is not", "cant": "can not", "wont": "will not", "im": "i am", "ive": "i have",
    "whats": "what is", "hows": "how is", "wheres": "where is", "whos": "who is", "u": "you", "ur": "your", "r": "are",
    "pls": "please", "plz": "please", "thx": "thanks", "info": "information", "2fa": "two-factor", "asap": "soon", "ok": "okay",
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
        (r"^i (?:would (?:like|love)|want|wish|am trying|am looking) to\b", ""),
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
        (r"as well as", "and"), (r"(?:too|as well)$", ""), (r"(?:mobile|web) application", "app"),
        (r"two ?-?factor(?: authentication)?|two ?-?step verification|mfa", "twofactor"),
        (r"wi-? ?fi", "wifi"), (r"e-?mail", "email"), (r"on-? ?line", "online"), (r"post ?code|zip ?code", "postcode"),
        (r"credit cards?", "creditcard"), (r"debit cards?", "debitcard"), (r"gift (?:cards?|vouchers?)", "giftcard"),
        (r"cell ?phones?|mobile ?phones?|mobiles?|smart ?phones?", "phone"),
        (r"public holidays?|bank holidays?", "bankholiday"),
        (r"customer (?:services?|support|care)", "support"),
        (r"a\.m\.?", "am"), (r"p\.m\.?", "pm"), (r"u\.?s\.?a\.?|united states(?: of america)?", "usa"),
        (r"united kingdom|u\.k\.?", "uk"), (r"new york city|nyc", "new york"), (r"european union", "eu"),
        (r"every day|each day|(?:per|a) day", "daily"), (r"every week|each week|(?:per|a) week", "weekly"),
        (r"every month|each month|(?:per|a) month", "monthly"), (r"every year|each year|per annum|(?:per|a) year|yearly", "annual"),
        (r"find out(?: about)?", "know"), (r"look(?:ing)? for", "find"), (r"fill(?:ing)? (?:in|out)", "complete"),
        (r"in order to", "to"), (r"right now|at the moment|at present", "currently"),
        (r"more than|greater than|in excess of|above", "over"), (r"less than|fewer than|below", "under"),
        (r"(?:every|each)(?: single)?", "every"), (r"all the", "all"), (r"everyone", "everybody"),
        (r"using", "with"), (r"regarding|concerning|with regard to|in relation to", "about"), (r"would like|wish", "want"),
        (r"(?:per|a|every) (second|minute|hour)(?! ago| or| later)", r"per\1"),
        (r"at least", "atleast"), (r"at most|no more than|up to", "atmost"), (r"prior to", "before"),
        (r"apart from|other than|aside from|excluding", "except"),
    )
)  # fmt: skip
