"""LangChain for Python, with nothing set but what the cutover guide says."""

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from observe import API, BASES, EMBEDDING, MODEL, PICTURE, TEXTS, ask, raised, tell, timed
from pydantic import BaseModel


class Order(BaseModel):
    """An order."""

    number: int
    status: str
    paid: bool


class get_weather(BaseModel):
    """The weather in a city."""

    city: str


class get_time(BaseModel):
    """The time in a city."""

    city: str


def model(**options):
    return ChatOpenAI(**{"model": MODEL, "use_responses_api": API == "responses", **options})


def answer(question, **options):
    return model(**options).invoke(question).text


def streamed():
    found = [piece for chunk in model().stream(ask("streamed")) if (piece := chunk.text)]
    return {"text": "".join(found), "pieces": len(found)}


def shown(message):
    return [{"name": call["name"], "arguments": call["args"]} for call in message.tool_calls]


def tool():
    """A call, its result handed back, and the answer made of it."""
    question, chat = HumanMessage(ask("tool", "Use get_weather.")), model().bind_tools([get_weather])
    first = chat.invoke([question])
    results = [ToolMessage("18 degrees", tool_call_id=call["id"]) for call in first.tool_calls]
    return {"calls": shown(first), "text": chat.invoke([question, first, *results]).text}


def tools_parallel():
    chat = model().bind_tools([get_weather, get_time])
    return {"calls": shown(chat.invoke(ask("tools_parallel", "Use get_weather and get_time.")))}


def tools_streamed():
    whole = None
    for chunk in (
        model().bind_tools([get_weather, get_time]).stream(ask("tools_streamed", "Use get_weather and get_time."))
    ):
        whole = chunk if whole is None else whole + chunk
    return {"calls": shown(whole)}


def tool_strict():
    chat = model().bind_tools([get_weather], strict=True)
    return {"calls": shown(chat.invoke(ask("tool_strict", "Use get_weather.")))}


def structured():
    return {"value": model().with_structured_output(Order).invoke(ask("structured")).model_dump()}


def vision():
    picture = {"type": "image_url", "image_url": {"url": PICTURE}}
    return {"text": model().invoke([HumanMessage([{"type": "text", "text": ask("vision")}, picture])]).text}


def refusal():
    message = model().invoke(ask("refusal", "please refuse"))
    if API == "chat":
        return {"refusal": message.additional_kwargs["refusal"]}
    return {"refusal": next(block["refusal"] for block in message.content if "refusal" in block)}


def embeddings():
    """As text: LangChain's own default, lists of tokens, needs a file that it fetches from elsewhere."""
    long = OpenAIEmbeddings(model=EMBEDDING, check_embedding_ctx_length=False).embed_documents(TEXTS)
    short = OpenAIEmbeddings(model=EMBEDDING, check_embedding_ctx_length=False, dimensions=256).embed_query(TEXTS[0])
    return {"lengths": [len(vector) for vector in long], "short": len(short)}


tell(
    {
        "plain": lambda: {"text": answer(ask("plain"))},
        "streamed": streamed,
        "tool": tool,
        "tools_parallel": tools_parallel,
        "tools_streamed": tools_streamed,
        "tool_strict": tool_strict,
        "structured": structured,
        "vision": vision,
        "refusal": refusal,
        "embeddings": embeddings,
        "base_urls": lambda: {
            "texts": [answer(ask(f"base_urls {at}"), base_url=base) for at, base in enumerate(BASES)]
        },
        "unauthorised": lambda: raised(lambda: answer(ask("unauthorised"), api_key="sk-wrong")),
        "unknown_model": lambda: raised(lambda: answer(ask("unknown_model"), model="gpt-nonesuch")),
        "too_long": lambda: raised(lambda: answer(ask("too_long"))),
        "too_many": lambda: raised(lambda: answer(ask("too_many"), max_retries=0)),
        "waited": lambda: timed(lambda: answer(ask("waited"))),
    }
)
