"""The OpenAI SDK for Python, with nothing set but what the cutover guide says."""

import json

import openai
from observe import API, BASES, EMBEDDING, MODEL, PICTURE, TEXTS, ask, raised, tell, timed
from openai import OpenAI
from pydantic import BaseModel

client = OpenAI()
CHAT = API == "chat"


class Weather(BaseModel):
    """The weather in a city."""

    city: str


class Order(BaseModel):
    number: int
    status: str
    paid: bool


PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


def functions(*names, strict=False):
    """Function tools in the API's own shape."""
    made = [
        {"name": name, "description": f"{name} of a city", "parameters": PARAMETERS, "strict": strict} for name in names
    ]
    return (
        [{"type": "function", "function": one} for one in made]
        if CHAT
        else [{"type": "function", **one} for one in made]
    )


def create(question, on=client, **options):
    """One answer, whole or streamed."""
    if CHAT:
        return on.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": question}], **options)
    return on.responses.create(model=MODEL, input=question, **options)


def text(answer):
    """The words of an answer."""
    return answer.choices[0].message.content if CHAT else answer.output_text


def calls(answer):
    """The tool calls of an answer, as (id, name, arguments)."""
    if CHAT:
        return [(c.id, c.function.name, c.function.arguments) for c in answer.choices[0].message.tool_calls or []]
    return [(item.call_id, item.name, item.arguments) for item in answer.output if item.type == "function_call"]


def shown(found):
    return [{"name": name, "arguments": json.loads(arguments)} for _, name, arguments in found]


def pieces(question, **options):
    """Every piece of text of a streamed answer."""
    found = []
    for event in create(question, stream=True, **options):
        if CHAT:
            found += [event.choices[0].delta.content] if event.choices and event.choices[0].delta.content else []
        elif event.type == "response.output_text.delta":
            found.append(event.delta)
    return found


def streamed():
    found = pieces(ask("streamed"))
    return {"text": "".join(found), "pieces": len(found)}


def streamed_usage():
    """The figures at the end of a stream."""
    if not CHAT:
        *_, last = create(ask("streamed_usage"), stream=True)
        return {"tokens": last.response.usage.total_tokens}
    *_, last = create(ask("streamed_usage"), stream=True, stream_options={"include_usage": True})
    return {"tokens": last.usage.total_tokens}


def tool():
    """A call, its result handed back, and the answer made of it."""
    question = ask("tool", "Use get_weather.")
    first = create(question, tools=functions("get_weather"))
    found = calls(first)
    if CHAT:
        results = [{"role": "tool", "tool_call_id": id, "content": "18 degrees"} for id, _, _ in found]
        message = first.choices[0].message.model_dump(exclude_none=True)
        asked = [{"role": "user", "content": question}, message, *results]
        last = client.chat.completions.create(model=MODEL, messages=asked, tools=functions("get_weather"))
    else:
        results = [{"type": "function_call_output", "call_id": id, "output": "18 degrees"} for id, _, _ in found]
        last = client.responses.create(
            model=MODEL, input=results, previous_response_id=first.id, tools=functions("get_weather")
        )
    return {"calls": shown(found), "text": text(last)}


def tools_parallel():
    answer = create(ask("tools_parallel", "Use get_weather and get_time."), tools=functions("get_weather", "get_time"))
    return {"calls": shown(calls(answer))}


def tools_streamed():
    """Two calls, put together from the pieces by the SDK's own helper."""
    question, tools = ask("tools_streamed", "Use get_weather and get_time."), functions("get_weather", "get_time")
    if CHAT:
        with client.chat.completions.stream(
            model=MODEL, messages=[{"role": "user", "content": question}], tools=tools
        ) as stream:
            return {"calls": shown(calls(stream.get_final_completion()))}
    with client.responses.stream(model=MODEL, input=question, tools=tools) as stream:
        return {"calls": shown(calls(stream.get_final_response()))}


def tool_strict():
    """A pydantic model as a strict tool; the SDK hands back an instance."""
    question = ask("tool_strict", "Use Weather.")
    if CHAT:
        answer = client.chat.completions.parse(
            model=MODEL,
            messages=[{"role": "user", "content": question}],
            tools=[openai.pydantic_function_tool(Weather)],
        )
        found = [(c.function.name, c.function.parsed_arguments) for c in answer.choices[0].message.tool_calls]
    else:
        parsed = client.responses.parse(model=MODEL, input=question, tools=[openai.pydantic_function_tool(Weather)])
        found = [(item.name, item.parsed_arguments) for item in parsed.output if item.type == "function_call"]
    return {"calls": [{"name": name, "arguments": made.model_dump()} for name, made in found]}


def structured():
    question = ask("structured")
    if CHAT:
        answer = client.chat.completions.parse(
            model=MODEL, messages=[{"role": "user", "content": question}], response_format=Order
        )
        return {"value": answer.choices[0].message.parsed.model_dump()}
    return {"value": client.responses.parse(model=MODEL, input=question, text_format=Order).output_parsed.model_dump()}


def vision():
    words = ask("vision")
    if CHAT:
        picture = {"type": "image_url", "image_url": {"url": PICTURE}}
        content = [{"type": "text", "text": words}, picture]
        return {
            "text": text(client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": content}]))
        }
    content = [{"type": "input_text", "text": words}, {"type": "input_image", "image_url": PICTURE, "detail": "auto"}]
    return {"text": client.responses.create(model=MODEL, input=[{"role": "user", "content": content}]).output_text}


def refusal():
    answer = create(ask("refusal", "please refuse"))
    if CHAT:
        return {"refusal": answer.choices[0].message.refusal}
    return {"refusal": answer.output[0].content[0].refusal}


def refusal_streamed():
    found = []
    for event in create(ask("refusal_streamed", "please refuse"), stream=True):
        if CHAT:
            found += [event.choices[0].delta.refusal] if event.choices and event.choices[0].delta.refusal else []
        elif event.type == "response.refusal.delta":
            found.append(event.delta)
    return {"refusal": "".join(found), "pieces": len(found)}


def embeddings():
    """Base64 (the SDK's default) and floats are the same vectors; a shorter one is as short as asked."""
    packed = client.embeddings.create(model=EMBEDDING, input=TEXTS)
    floats = client.embeddings.create(model=EMBEDDING, input=TEXTS, encoding_format="float")
    short = client.embeddings.create(model=EMBEDDING, input=TEXTS[0], dimensions=256)
    pairs = zip(packed.data, floats.data, strict=True)
    apart = max(abs(a - b) for one, other in pairs for a, b in zip(one.embedding, other.embedding, strict=True))
    return {
        "lengths": [len(item.embedding) for item in packed.data],
        "apart": apart,
        "short": len(short.data[0].embedding),
        "tokens": packed.usage.total_tokens,
    }


def models():
    return {"listed": [model.id for model in client.models.list()], "one": client.models.retrieve(MODEL).id}


def unknown_model():
    def call():
        if CHAT:
            client.chat.completions.create(model="gpt-nonesuch", messages=[{"role": "user", "content": "hi"}])
        else:
            client.responses.create(model="gpt-nonesuch", input="hi")

    return raised(call)


def request_id():
    """What the SDK shows for support, and what the header said."""
    raw = client.chat.completions.with_raw_response if CHAT else client.responses.with_raw_response
    asked = {"messages": [{"role": "user", "content": ask("request_id")}]} if CHAT else {"input": ask("request_id")}
    response = raw.create(model=MODEL, **asked)
    parsed = response.parse()
    return {"request_id": parsed._request_id, "header": response.headers.get("x-request-id")}


def limited():
    """One request more than the team's limit in a minute: how long each took."""
    return {"seconds": [timed(lambda at=at: text(create(ask(f"limited {at}"))))["seconds"] for at in range(3)]}


tell(
    {
        "plain": lambda: {"text": text(create(ask("plain")))},
        "streamed": streamed,
        "streamed_usage": streamed_usage,
        "tool": tool,
        "tools_parallel": tools_parallel,
        "tools_streamed": tools_streamed,
        "tool_strict": tool_strict,
        "structured": structured,
        "vision": vision,
        "refusal": refusal,
        "refusal_streamed": refusal_streamed,
        "embeddings": embeddings,
        "models": models,
        "request_id": request_id,
        "base_urls": lambda: {
            "texts": [text(create(ask(f"base_urls {at}"), OpenAI(base_url=base))) for at, base in enumerate(BASES)]
        },
        "unauthorised": lambda: raised(lambda: create(ask("unauthorised"), OpenAI(api_key="sk-wrong"))),
        "unknown_model": unknown_model,
        "too_long": lambda: raised(lambda: create(ask("too_long"))),
        "too_many": lambda: raised(lambda: create(ask("too_many"), OpenAI(max_retries=0))),
        "waited": lambda: timed(lambda: text(create(ask("waited")))),
        "limited": limited,
    }
)
