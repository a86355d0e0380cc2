"""What the model says to a question: foretold, so that a test knows it beforehand.

In this order: the newest reply arranged by a test; then `BUILT_IN`, one rule after the other, where the first
that has an opinion decides. Whatever knows more (a shop's answers, a judge) is one more rule there. Rules may
take their time: they are asked outside the event loop.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ops.standins import shop
from ops.standins.openai.asked import Asked, Call, Said, Tool
from ops.standins.openai.control import Reply
from ops.standins.openai.instances import instance

QUOTED_CHARS = 400
# A user message with these words is refused, as a model refuses what is against its policy.
REFUSE_MARK = "please refuse"
REFUSAL = "I'm sorry, but I can't help with that."

Rule = Callable[[Asked, int], Said | None]


def decide(asked: Asked, choice: int = 0, reply: Reply | None = None, rules: Sequence[Rule] | None = None) -> Said:
    """The answer to ``asked``; ``choice`` counts the answers given to the same question, from 0."""
    if reply is not None and not (reply.reply is not None and asked.must_call):
        return _arranged(reply)
    for rule in BUILT_IN if rules is None else rules:
        if (said := rule(asked, choice)) is not None:
            return said
    return answer(asked, choice)


def _arranged(reply: Reply) -> Said:
    calls = tuple(Call(call.name, call.arguments, call.custom) for call in reply.tool_calls)
    return Said(reply.reply or "", reply.refusal, calls)


def call_tools(asked: Asked, choice: int) -> Said | None:
    """Call the tools the question names and that were not called yet; if it names none, the first, once."""
    if not asked.tools:
        return None
    named = [tool for tool in asked.tools if re.search(rf"(?<!\w){re.escape(tool.name)}(?!\w)", asked.question)]
    waiting = [tool for tool in named if tool.name not in asked.called]
    if not waiting and (asked.must_call or not (named or asked.called)):
        waiting = [asked.tools[0]]
    if not waiting:
        return None
    wanted = waiting if asked.parallel else waiting[:1]
    return Said(calls=tuple(_call(tool, asked.question) for tool in wanted))


def _call(tool: Tool, question: str) -> Call:
    words = question[:QUOTED_CHARS]
    if tool.parameters is None:
        return Call(tool.name, words, custom=True)
    return Call(tool.name, json.dumps(instance({"type": "object", **tool.parameters}, words)))


def refuse(asked: Asked, choice: int) -> Said | None:
    """Refuse what asks to be refused."""
    return Said(refusal=REFUSAL) if REFUSE_MARK in asked.question.lower() else None


def judge(asked: Asked, choice: int) -> Said | None:
    """The gateway's judging model: the shop reads what it is shown."""
    verdict = shop.verdict(asked.messages)
    return None if verdict is None else Said(verdict)


def keep_shop(asked: Asked, choice: int) -> Said | None:
    """The passage of the topic that a question belongs to, where no tool has been asked for anything."""
    if choice or asked.results:
        return None
    passage = shop.answer(asked.question, asked.system)
    return None if passage is None else Said(passage)


def structured(asked: Asked, choice: int) -> Said | None:
    """JSON where JSON was asked for."""
    if asked.format is None:
        return None
    quoted = asked.question[:QUOTED_CHARS]
    schema = asked.format.schema or _schema_in(asked.system) or _schema_in(asked.question)
    if schema is None:
        return Said(json.dumps({"question": quoted, "answer": "a rehearsed answer"}))
    return Said(json.dumps(instance(schema, quoted)))


def _schema_in(text: str) -> Mapping[str, Any] | None:
    """The JSON Schema that a prompt describes the wanted JSON by, as callers of the JSON mode do."""
    decoder = json.JSONDecoder()
    at = text.find("{")
    while at >= 0:
        try:
            found, end = decoder.raw_decode(text, at)
        except ValueError:
            end = at + 1
        else:
            if "properties" in found:
                return dict(found)
        at = text.find("{", end)
    return None


def answer(asked: Asked, choice: int) -> Said:
    """Words that quote the question, and what the tools said."""
    results = f" The tools said: {'; '.join(asked.results)[:QUOTED_CHARS]}." if asked.results else ""
    again = f" (choice {choice + 1})" if choice else ""
    quoted = asked.question[:QUOTED_CHARS]
    return Said(f'You asked: "{quoted}". This is a rehearsed answer from {asked.model}{again}.{results}')


BUILT_IN: tuple[Rule, ...] = (refuse, call_tools, judge, structured, keep_shop)
