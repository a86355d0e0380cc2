"""A small online shop for car parts and clothing: what the rehearsal's OpenAI answers from, and judges by.

`answer` gives the passage of the topic a question belongs to, `verdict` plays the gateway's judging model: yes only
if the new question belongs to the very topic that the stored answer is about. Both read a question by the nearest
wordings of `topics.toml` in a real sentence model; none of those wordings is sent by any test.

It shows that the road from lookup to verdict works, not how well gpt-4o-mini judges. Measured on questions that no
threshold was chosen on (tests/standins/shop/questions.txt, the half kept back): it says yes to 59 of 80 wordings that
a passage answers, wrongly to 4 of 36 that come close to a topic or are out of scope (a change of direction, another
person or thing), and takes 0 of 80 for another topic's.
"""

from __future__ import annotations

from ops.standins.shop.judge import verdict
from ops.standins.shop.likeness import topic_of

__all__ = ["answer", "verdict"]

SYSTEM_CHARS = 80


def answer(question: str, system: str = "") -> str | None:
    """The passage that answers ``question``; None when that is not the shop's business, or not clear.

    A system prompt leaves its beginning in the answer, so that an answer given under another one shows.
    """
    topic = topic_of(question)
    if topic is None:
        return None
    return f"{topic.passage}\n(Told to: {system[:SYSTEM_CHARS]})" if system else topic.passage
