"""openai-agents: agents that name no model, function tools, handoffs, and a tool that needs a person's approval.

Nothing is set but what the cutover guide says.
"""

import json

from agents import (
    Agent,
    OpenAIProvider,
    RunConfig,
    Runner,
    RunState,
    function_tool,
    set_default_openai_api,
)
from observe import API, BASES, PICTURE, ask, raised, tell, timed, wait
from openai import AsyncOpenAI
from pydantic import BaseModel

if API == "chat":
    set_default_openai_api("chat_completions")


class Order(BaseModel):
    number: int
    status: str
    paid: bool


def shop():
    """The agents of a shop, and what their tools did."""
    done = []

    @function_tool
    def lookup_order(order: str) -> str:
        """Where an order is."""
        done.append("lookup_order")
        return "the order is on its way"

    @function_tool(needs_approval=True)
    def issue_refund(order: str, amount: float) -> str:
        """Pay an order back."""
        done.append("issue_refund")
        return "the money is paid back"

    orders = Agent(name="orders", instructions="You know where orders are.", tools=[lookup_order])
    returns = Agent(name="returns", instructions="You pay back.", tools=[lookup_order, issue_refund])
    return Agent(name="triage", instructions="You hand over.", handoffs=[orders, returns]), done


async def turn(agent, given, stream):
    """One turn of an agent, whole or streamed; how many events a stream had."""
    if not stream:
        return await Runner.run(agent, given), 0
    result, events = Runner.run_streamed(agent, given), 0
    async for event in result.stream_events():
        events += event.type == "raw_response_event"
    return result, events


async def triage(feature, stream):
    agent, done = shop()
    result, events = await turn(agent, ask(feature, "First transfer_to_orders, then lookup_order."), stream)
    return {"text": result.final_output, "agent": result.last_agent.name, "done": done, "events": events}


async def approval(feature, stream):
    """An approval that is asked for, put away as text, and given to agents that were made anew."""
    question = ask(feature, "First transfer_to_returns, then lookup_order, then issue_refund.")
    agent, before = shop()
    first, events = await turn(agent, question, stream)
    kept = json.dumps(first.to_state().to_json())
    agent, after = shop()
    state = await RunState.from_json(agent, json.loads(kept))
    asked = state.get_interruptions()
    for one in asked:
        state.approve(one)
    result, more = await turn(agent, state, stream)
    return {
        "asked": [one.name for one in asked],
        "before": before,
        "after": after,
        "text": result.final_output,
        "agent": result.last_agent.name,
        "events": events + more,
    }


def assistant(**options):
    return Agent(name="assistant", instructions="You help.", **options)


async def answer(question, agent=None):
    return (await Runner.run(agent or assistant(), question)).final_output


def answered(question, agent=None, client=None):
    """The same from plain code, perhaps with a client of its own, as an application gives one."""
    config = RunConfig(model_provider=OpenAIProvider(openai_client=client, use_responses=API != "chat"))
    return wait(Runner.run(agent or assistant(), question, run_config=config)).final_output


async def streamed():
    result, found = Runner.run_streamed(assistant(), ask("streamed")), []
    async for event in result.stream_events():
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
            found.append(event.data.delta)
    return {"text": "".join(found), "pieces": len(found)}


async def calling(feature, words, stream):
    """An agent with tools runs to its end; the calls that its tools saw."""
    calls = []

    @function_tool
    def get_weather(city: str) -> str:
        """The weather in a city."""
        calls.append({"name": "get_weather", "arguments": {"city": city}})
        return "18 degrees"

    @function_tool
    def get_time(city: str) -> str:
        """The time in a city."""
        calls.append({"name": "get_time", "arguments": {"city": city}})
        return "18 degrees"

    result, _ = await turn(assistant(tools=[get_weather, get_time]), ask(feature, words), stream)
    return {"calls": calls, "text": result.final_output}


async def structured():
    return {"value": (await answer(ask("structured"), assistant(output_type=Order))).model_dump()}


async def vision():
    picture = {"type": "input_image", "image_url": PICTURE, "detail": "auto"}
    content = [{"type": "input_text", "text": ask("vision")}, picture]
    return {"text": await answer([{"role": "user", "content": content}])}


def refusal():
    """What the agents' own error for it says."""
    told = raised(lambda: answered(ask("refusal", "please refuse")))
    return {"raised": told["raised"], "refusal": told["message"].removeprefix("Model refused to produce output: ")}


def unknown_model():
    return raised(lambda: answered(ask("unknown_model"), assistant(model="gpt-nonesuch")))


tell(
    {
        "plain": lambda: {"text": answered(ask("plain"))},
        "streamed": streamed,
        "tool": lambda: calling("tool", "Use get_weather.", False),
        "tools_parallel": lambda: calling("tools_parallel", "Use get_weather and get_time.", False),
        "tools_streamed": lambda: calling("tools_streamed", "Use get_weather and get_time.", True),
        "structured": structured,
        "vision": vision,
        "refusal": refusal,
        "triage": lambda: triage("triage", False),
        "triage_streamed": lambda: triage("triage_streamed", True),
        "approval": lambda: approval("approval", False),
        "approval_streamed": lambda: approval("approval_streamed", True),
        "base_urls": lambda: {
            "texts": [
                answered(ask(f"base_urls {at}"), client=AsyncOpenAI(base_url=base)) for at, base in enumerate(BASES)
            ]
        },
        "unauthorised": lambda: raised(lambda: answered(ask("unauthorised"), client=AsyncOpenAI(api_key="sk-wrong"))),
        "unknown_model": unknown_model,
        "too_long": lambda: raised(lambda: answered(ask("too_long"))),
        "too_many": lambda: raised(lambda: answered(ask("too_many"), client=AsyncOpenAI(max_retries=0))),
        "waited": lambda: timed(lambda: answered(ask("waited"))),
    }
)
