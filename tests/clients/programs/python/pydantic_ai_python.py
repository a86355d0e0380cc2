"""Pydantic AI, with nothing set but what the cutover guide says."""

import re

from observe import API, BASES, MODEL, PICTURE, ask, raised, tell, timed, wait
from openai import AsyncOpenAI
from pydantic import BaseModel
from pydantic_ai import Agent, DeferredToolRequests, DeferredToolResults, ImageUrl, NativeOutput, Tool
from pydantic_ai.messages import ModelMessagesTypeAdapter
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

KIND = {"chat": "openai-chat", "responses": "openai-responses"}[API]


class Order(BaseModel):
    """An order."""

    number: int
    status: str
    paid: bool


def agent(model=f"{KIND}:{MODEL}", **options):
    return Agent(model, instructions="You help.", **options)


def answer(question, **options):
    return wait(agent(**options).run(question)).output


def through(question, **options):
    """With a client of its own, as an application gives one."""
    made = OpenAIProvider(openai_client=AsyncOpenAI(**options))
    model = (OpenAIChatModel if API == "chat" else OpenAIResponsesModel)(MODEL, provider=made)
    return answer(question, model=model)


async def streamed():
    async with agent().run_stream(ask("streamed")) as result:
        found = [piece async for piece in result.stream_text(delta=True, debounce_by=None)]
    return {"text": "".join(found), "pieces": len(found)}


def tools(calls, strict=None):
    """Functions an agent may call, noting that they were."""

    def get_weather(city: str) -> str:
        """The weather in a city."""
        calls.append({"name": "get_weather", "arguments": {"city": city}})
        return "18 degrees"

    def get_time(city: str) -> str:
        """The time in a city."""
        calls.append({"name": "get_time", "arguments": {"city": city}})
        return "18 degrees"

    return [Tool(get_weather, strict=strict), Tool(get_time, strict=strict)]


def calling(feature, words, strict=None):
    """An agent with tools runs to its end; the calls that its tools saw."""
    calls = []
    return {"text": answer(ask(feature, words), tools=tools(calls, strict)), "calls": calls}


async def tools_streamed():
    calls = []
    question = ask("tools_streamed", "Use get_weather and get_time.")
    async with agent(tools=tools(calls)).run_stream(question) as result:
        text = await result.get_output()
    return {"text": text, "calls": calls}


def refusal():
    """What Pydantic AI's own error for it says."""
    told = raised(lambda: answer(ask("refusal", "please refuse")))
    return {"raised": told["raised"], "refusal": re.search(r"I'm sorry[^'\"]*'[^'\"]*", told["message"])[0]}


def approval():
    """A tool that needs approval: the run ends with the question, its messages are put away as text and taken up."""
    done = []

    def issue_refund(order: str) -> str:
        """Pay an order back."""
        done.append("issue_refund")
        return "the money is paid back"

    def returns():
        paying = Tool(issue_refund, requires_approval=True)
        return agent(tools=[paying], output_type=[str, DeferredToolRequests])

    first = wait(returns().run(ask("approval", "Use issue_refund.")))
    kept = first.all_messages_json()
    asked = [call.tool_name for call in first.output.approvals]
    results = DeferredToolResults(approvals={call.tool_call_id: True for call in first.output.approvals})
    before, history = list(done), ModelMessagesTypeAdapter.validate_json(kept)
    last = wait(returns().run(message_history=history, deferred_tool_results=results))
    return {"asked": asked, "before": before, "after": done, "text": last.output}


tell(
    {
        "plain": lambda: {"text": answer(ask("plain"))},
        "streamed": streamed,
        "tool": lambda: calling("tool", "Use get_weather."),
        "tools_parallel": lambda: calling("tools_parallel", "Use get_weather and get_time."),
        "tools_streamed": tools_streamed,
        "tool_strict": lambda: calling("tool_strict", "Use get_weather.", strict=True),
        "structured": lambda: {"value": answer(ask("structured"), output_type=NativeOutput(Order)).model_dump()},
        "vision": lambda: {"text": answer([ask("vision"), ImageUrl(PICTURE)])},
        "refusal": refusal,
        "approval": approval,
        "base_urls": lambda: {
            "texts": [through(ask(f"base_urls {at}"), base_url=base) for at, base in enumerate(BASES)]
        },
        "unauthorised": lambda: raised(lambda: through(ask("unauthorised"), api_key="sk-wrong")),
        "unknown_model": lambda: raised(lambda: answer(ask("unknown_model"), model=f"{KIND}:gpt-nonesuch")),
        "too_long": lambda: raised(lambda: answer(ask("too_long"))),
        "too_many": lambda: raised(lambda: through(ask("too_many"), max_retries=0)),
        "waited": lambda: timed(lambda: answer(ask("waited"))),
    }
)
