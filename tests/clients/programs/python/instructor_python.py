"""Instructor, with nothing set but what the cutover guide says."""

import instructor
from instructor import Mode
from observe import API, BASES, MODEL, PICTURE, ask, raised, tell, timed
from openai import OpenAI
from pydantic import BaseModel


class Order(BaseModel):
    """An order."""

    number: int
    status: str
    paid: bool


PLAIN = Mode.TOOLS if API == "chat" else Mode.RESPONSES_TOOLS


def client(mode=PLAIN, **options):
    return instructor.from_openai(OpenAI(**options), mode=mode)


def order(question, by=None, model=MODEL, **options):
    """An order made of an answer."""
    messages = [{"role": "user", "content": question}]
    return (
        (by or client())
        .create(model=model, messages=messages, response_model=Order, max_retries=1, **options)
        .model_dump()
    )


def provided():
    """As the guide's example makes it, from a model's name."""
    made = instructor.from_provider(f"openai/{MODEL}", mode=PLAIN)
    messages = [{"role": "user", "content": ask("structured")}]
    return {"value": made.create(messages=messages, response_model=Order).model_dump()}


def streamed():
    """An order that grows while it is streamed."""
    messages = [{"role": "user", "content": ask("structured_streamed")}]
    found = [
        part.model_dump() for part in client().create_partial(model=MODEL, messages=messages, response_model=Order)
    ]
    return {"value": found[-1], "pieces": len(found)}


def several():
    """A list of orders, handed out one by one."""
    messages = [{"role": "user", "content": ask("structured_list")}]
    return {
        "values": [
            one.model_dump() for one in client().create_iterable(model=MODEL, messages=messages, response_model=Order)
        ]
    }


def strict():
    return {"value": order(ask("structured_strict"), client(Mode.TOOLS_STRICT))}


def vision():
    content = [ask("vision"), instructor.Image.from_url(PICTURE)]
    return {"value": order(content)}


def refusal():
    """What Instructor's own error for it says."""
    told = raised(lambda: order(ask("refusal", "please refuse")))
    return {"raised": told["raised"], "refusal": told["message"].removeprefix("Unable to generate a response due to ")}


tell(
    {
        "structured": provided,
        "structured_streamed": streamed,
        "structured_list": several,
        "vision": vision,
        "base_urls": lambda: {
            "values": [order(ask(f"base_urls {at}"), client(base_url=base)) for at, base in enumerate(BASES)]
        },
        "unauthorised": lambda: raised(lambda: order(ask("unauthorised"), client(api_key="sk-wrong"))),
        "unknown_model": lambda: raised(lambda: order(ask("unknown_model"), model="gpt-nonesuch")),
        "too_long": lambda: raised(lambda: order(ask("too_long"))),
        "too_many": lambda: raised(lambda: order(ask("too_many"), client(max_retries=0))),
        "waited": lambda: {"value": (seen := timed(lambda: order(ask("waited"))))["text"], "seconds": seen["seconds"]},
        "structured_strict": strict,
        "refusal": refusal,
    }
)
