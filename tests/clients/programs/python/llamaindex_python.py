"""LlamaIndex for Python, with nothing set but what the cutover guide says."""

from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock
from llama_index.core.tools import FunctionTool
from llama_index.embeddings.openai import OpenAIEmbedding
from llama_index.llms.openai import OpenAI, OpenAIResponses
from observe import API, BASES, EMBEDDING, MODEL, PICTURE, TEXTS, ask, raised, tell, timed
from pydantic import BaseModel


class Order(BaseModel):
    """An order."""

    number: int
    status: str
    paid: bool


def get_weather(city: str) -> str:
    """The weather in a city."""
    return "18 degrees"


def get_time(city: str) -> str:
    """The time in a city."""
    return "noon"


WEATHER, TIME = FunctionTool.from_defaults(get_weather), FunctionTool.from_defaults(get_time)


def model(**options):
    return (OpenAI if API == "chat" else OpenAIResponses)(**{"model": MODEL, **options})


def answer(question, **options):
    return model(**options).complete(question).text


def streamed():
    found = [piece.delta for piece in model().stream_complete(ask("streamed")) if piece.delta]
    return {"text": "".join(found), "pieces": len(found)}


def chosen(llm, response):
    return [
        {"name": call.tool_name, "arguments": call.tool_kwargs}
        for call in llm.get_tool_calls_from_response(response, error_on_no_tool_call=False)
    ]


def tool():
    """A call, run by LlamaIndex itself, and the answer made of its result."""
    llm, question = model(), ask("tool", "Use get_weather.")
    first = llm.chat_with_tools([WEATHER], user_msg=question)
    (call,) = llm.get_tool_calls_from_response(first)
    result = ChatMessage(
        role="tool", content=get_weather(**call.tool_kwargs), additional_kwargs={"tool_call_id": call.tool_id}
    )
    last = llm.chat_with_tools(
        [WEATHER], chat_history=[ChatMessage(role="user", content=question), first.message, result]
    )
    return {"calls": chosen(llm, first), "text": last.message.content}


def tools_parallel():
    llm = model()
    question = ask("tools_parallel", "Use get_weather and get_time.")
    response = llm.chat_with_tools([WEATHER, TIME], user_msg=question, allow_parallel_tool_calls=True)
    return {"calls": chosen(llm, response)}


def tools_streamed():
    llm = model()
    question = ask("tools_streamed", "Use get_weather and get_time.")
    *_, last = llm.stream_chat_with_tools([WEATHER, TIME], user_msg=question, allow_parallel_tool_calls=True)
    return {"calls": chosen(llm, last)}


def tool_strict():
    llm = model(strict=True)
    return {"calls": chosen(llm, llm.chat_with_tools([WEATHER], user_msg=ask("tool_strict", "Use get_weather.")))}


def structured():
    messages = [ChatMessage(role="user", content=ask("structured"))]
    return {"value": model().as_structured_llm(Order).chat(messages).raw.model_dump()}


def vision():
    blocks = [TextBlock(text=ask("vision")), ImageBlock(url=PICTURE)]
    return {"text": model().chat([ChatMessage(role="user", blocks=blocks)]).message.content}


def refusal():
    raw = model().complete(ask("refusal", "please refuse")).raw
    return {"refusal": raw.choices[0].message.refusal if API == "chat" else raw.output[0].content[0].refusal}


def embeddings():
    long = OpenAIEmbedding(model=EMBEDDING).get_text_embedding_batch(TEXTS)
    short = OpenAIEmbedding(model=EMBEDDING, dimensions=256).get_text_embedding(TEXTS[0])
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
            "texts": [answer(ask(f"base_urls {at}"), api_base=base) for at, base in enumerate(BASES)]
        },
        "unauthorised": lambda: raised(lambda: answer(ask("unauthorised"), api_key="sk-wrong")),
        "unknown_model": lambda: raised(lambda: answer(ask("unknown_model"), model="gpt-4.1", max_retries=0)),
        "too_long": lambda: raised(lambda: answer(ask("too_long"))),
        "too_many": lambda: raised(lambda: answer(ask("too_many"), max_retries=0)),
        "waited": lambda: timed(lambda: answer(ask("waited"))),
    }
)
