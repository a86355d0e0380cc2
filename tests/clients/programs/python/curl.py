"""curl, as the cutover guide shows it: the key goes in on standard input, the base URL comes from the environment.

This program only puts the command lines together and reads what curl wrote.
"""

import json
import os
import subprocess

from observe import API, BASES, EMBEDDING, MODEL, PICTURE, TEXTS, ask, tell, timed

CHAT = API == "chat"
CALLED, REAL = os.environ["CLIENTS_ROUTE"].split("=")
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
ORDER = {
    "type": "object",
    "properties": {"number": {"type": "integer"}, "status": {"type": "string"}, "paid": {"type": "boolean"}},
    "required": ["number", "status", "paid"],
    "additionalProperties": False,
}


def curl(path, body=None, *words, base=None, key=None):
    """Run curl; its exit code, the status, the headers (names in lower case) and the body."""
    command = [
        "curl",
        "--silent",
        "--show-error",
        "--no-buffer",
        "--include",
        "--connect-to",
        f"{CALLED}:{REAL}",
        "-H",
        "@-",
    ]
    if body is not None:
        command += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    command += [*words, (base or os.environ["OPENAI_BASE_URL"]).rstrip("/") + path]
    key = key or os.environ["OPENAI_API_KEY"]
    done = subprocess.run(
        command, input=f"Authorization: Bearer {key}", capture_output=True, text=True, timeout=90, check=False
    )
    if done.returncode and not done.stdout:
        raise RuntimeError(f"curl ended with {done.returncode}: {done.stderr}")
    # With --retry every attempt is shown; the last one counts.
    attempts = [
        at
        for at in range(len(done.stdout))
        if done.stdout.startswith("HTTP/", at) and done.stdout[at - 1 : at] in ("", "\n", "}")
    ]
    head, _, text = done.stdout[attempts[-1] :].replace("\r\n", "\n").partition("\n\n")
    first, *lines = head.split("\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(first.split()[1]), headers, text


def create(question, *words, base=None, key=None, **options):
    """The status, the headers and the body of one answer."""
    if CHAT:
        body = {"model": MODEL, "messages": [{"role": "user", "content": question}], **options}
        return curl("/chat/completions", body, *words, base=base, key=key)
    return curl("/responses", {"model": MODEL, "input": question, **options}, *words, base=base, key=key)


def whole(*given, **options):
    status, _, text = create(*given, **options)
    if status != 200:
        raise RuntimeError(f"{status}: {text}")
    return json.loads(text)


def words(answer):
    if CHAT:
        return answer["choices"][0]["message"]["content"]
    return "".join(part["text"] for item in answer["output"] for part in item.get("content", []))


def events(question, **options):
    """The events of a stream; chat's ends with [DONE]."""
    status, _, text = create(question, stream=True, **options)
    if status != 200:
        raise RuntimeError(f"{status}: {text}")
    found = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    if CHAT and found.pop() != "[DONE]":
        raise RuntimeError("the stream does not end with [DONE]")
    return [json.loads(one) for one in found]


def streamed():
    if CHAT:
        found = [event["choices"][0]["delta"].get("content") for event in events(ask("streamed")) if event["choices"]]
    else:
        found = [
            event.get("delta") for event in events(ask("streamed")) if event["type"] == "response.output_text.delta"
        ]
    found = [piece for piece in found if piece]
    return {"text": "".join(found), "pieces": len(found)}


def functions(*names, strict=False):
    common = {"description": "it, of a city", "parameters": PARAMETERS, "strict": strict}
    made = [{"name": name, **common} for name in names]
    return [{"type": "function", "function": one} if CHAT else {"type": "function", **one} for one in made]


def calls(answer):
    if CHAT:
        return [
            (c["id"], c["function"]["name"], c["function"]["arguments"])
            for c in answer["choices"][0]["message"]["tool_calls"]
        ]
    return [(i["call_id"], i["name"], i["arguments"]) for i in answer["output"] if i["type"] == "function_call"]


def shown(found):
    return [{"name": name, "arguments": json.loads(arguments)} for _, name, arguments in found]


def tool():
    """A call, its result handed back, and the answer made of it."""
    question, tools = ask("tool", "Use get_weather."), functions("get_weather")
    first = whole(question, tools=tools)
    found = calls(first)
    if CHAT:
        results = [{"role": "tool", "tool_call_id": id, "content": "18 degrees"} for id, _, _ in found]
        messages = [{"role": "user", "content": question}, first["choices"][0]["message"], *results]
        return {"calls": shown(found), "text": words(whole("", messages=messages, tools=tools))}
    results = [{"type": "function_call_output", "call_id": id, "output": "18 degrees"} for id, _, _ in found]
    given = [{"role": "user", "content": question}, *first["output"], *results]
    return {"calls": shown(found), "text": words(whole("", input=given, tools=tools))}


def tools_parallel():
    answer = whole(ask("tools_parallel", "Use get_weather and get_time."), tools=functions("get_weather", "get_time"))
    return {"calls": shown(calls(answer))}


def tools_streamed():
    """Two calls, put together from their pieces."""
    found = {}
    for event in events(
        ask("tools_streamed", "Use get_weather and get_time."), tools=functions("get_weather", "get_time")
    ):
        if CHAT:
            pieces = [p for choice in event["choices"] for p in choice["delta"].get("tool_calls") or []]
            for piece in pieces:
                call = found.setdefault(piece["index"], ["", ""])
                call[0] += piece["function"].get("name") or ""
                call[1] += piece["function"].get("arguments") or ""
        elif event["type"] == "response.output_item.added" and event["item"]["type"] == "function_call":
            found[event["output_index"]] = [event["item"]["name"], ""]
        elif event["type"] == "response.function_call_arguments.delta":
            found[event["output_index"]][1] += event["delta"]
    return {"calls": shown([("", name, arguments) for _, (name, arguments) in sorted(found.items())])}


def tool_strict():
    answer = whole(ask("tool_strict", "Use get_weather."), tools=functions("get_weather", strict=True))
    return {"calls": shown(calls(answer))}


def structured():
    form = {"name": "order", "schema": ORDER, "strict": True}
    if CHAT:
        options = {"response_format": {"type": "json_schema", "json_schema": form}}
    else:
        options = {"text": {"format": {"type": "json_schema", **form}}}
    return {"value": json.loads(words(whole(ask("structured"), **options)))}


def vision():
    if CHAT:
        content = [{"type": "text", "text": ask("vision")}, {"type": "image_url", "image_url": {"url": PICTURE}}]
        return {"text": words(whole("", messages=[{"role": "user", "content": content}]))}
    content = [{"type": "input_text", "text": ask("vision")}, {"type": "input_image", "image_url": PICTURE}]
    return {"text": words(whole("", input=[{"role": "user", "content": content}]))}


def refusal():
    answer = whole(ask("refusal", "please refuse"))
    return {
        "refusal": answer["choices"][0]["message"]["refusal"] if CHAT else answer["output"][0]["content"][0]["refusal"]
    }


def embeddings():
    _, _, text = curl("/embeddings", {"model": EMBEDDING, "input": TEXTS})
    _, _, short = curl("/embeddings", {"model": EMBEDDING, "input": TEXTS[0], "dimensions": 256})
    found = json.loads(text)
    return {
        "lengths": [len(item["embedding"]) for item in found["data"]],
        "short": len(json.loads(short)["data"][0]["embedding"]),
        "tokens": found["usage"]["total_tokens"],
    }


def models():
    listed = json.loads(curl("/models")[2])
    return {"listed": [model["id"] for model in listed["data"]], "one": json.loads(curl(f"/models/{MODEL}")[2])["id"]}


def request_id():
    _, headers, _ = create(ask("request_id"))
    return {"request_id": headers.get("x-request-id"), "header": headers.get("x-request-id")}


def failed(*given, **options):
    """What an error looks like from a shell."""
    status, headers, text = create(*given, **options)
    error = json.loads(text)["error"]
    return {
        "raised": "curl" if set(error) == {"message", "type", "param", "code"} else text,
        "kinds": [],
        "status": status,
        "code": error["code"],
        "message": error["message"],
        "retry_after": headers.get("retry-after"),
        "request_id": headers.get("x-request-id"),
    }


tell(
    {
        "plain": lambda: {"text": words(whole(ask("plain")))},
        "streamed": streamed,
        "tool": tool,
        "tools_parallel": tools_parallel,
        "tools_streamed": tools_streamed,
        "tool_strict": tool_strict,
        "structured": structured,
        "vision": vision,
        "refusal": refusal,
        "embeddings": embeddings,
        "models": models,
        "request_id": request_id,
        "base_urls": lambda: {
            "texts": [words(whole(ask(f"base_urls {at}"), base=base)) for at, base in enumerate(BASES)]
        },
        "unauthorised": lambda: failed(ask("unauthorised"), key="sk-wrong"),
        "unknown_model": lambda: failed(ask("unknown_model"), model="gpt-nonesuch"),
        "too_long": lambda: failed(ask("too_long")),
        "too_many": lambda: failed(ask("too_many")),
        "waited": lambda: timed(lambda: words(json.loads(create(ask("waited"), "--retry", "3")[2]))),
    }
)
