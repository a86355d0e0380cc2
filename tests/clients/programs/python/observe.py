"""What every Python client program needs: its settings, its questions, and how it tells what it saw."""

import asyncio
import inspect
import json
import os
import time

CLIENT = os.environ["CLIENT"]
API = os.environ["CLIENT_API"]
MODEL = os.environ["CLIENT_MODEL"]
EMBEDDING = os.environ["CLIENT_EMBEDDING"]
BASES = json.loads(os.environ["CLIENT_BASES"])
PICTURE = os.environ["CLIENT_PICTURE"]
FEATURES = os.environ["CLIENT_FEATURES"].split(",")
LOOP = asyncio.Runner()
TEXTS = ["where is my parcel", "which clutch fits a 1932 Ford"]


def ask(feature, words="How are you?"):
    """A question that no other client, mode or feature asks: no cache answers it, and an arrangement can name it."""
    return f"[{CLIENT}/{API}/{feature}] {words}"


def raised(call):
    """What `call` raised, as the client's user sees it."""
    try:
        value = call()
    except Exception as error:
        # Some clients wrap what the SDK raised.
        first = error if hasattr(error, "status_code") else _wrapped(error)
        body = getattr(first, "body", None)
        headers = getattr(getattr(first, "response", None), "headers", None) or {}
        return {
            "raised": type(error).__name__,
            "kinds": [kind.__name__ for kind in type(error).__mro__],
            "status": getattr(first, "status_code", None),
            "code": getattr(first, "code", None) or (body.get("code") if isinstance(body, dict) else None),
            "message": str(error),
            "retry_after": headers.get("retry-after"),
            "request_id": getattr(first, "request_id", None),
        }
    return {"raised": None, "value": repr(value)[:400]}


def _wrapped(error):
    while error.__cause__ is not None and not hasattr(error, "status_code"):
        error = error.__cause__
    return error


def wait(coroutine):
    """What a coroutine returns; all of a program's share one event loop, as an application's do."""
    return LOOP.run(coroutine)


def timed(call):
    """What `call` returns, and the seconds it took."""
    start = time.monotonic()
    return {"text": call(), "seconds": time.monotonic() - start}


def tell(features):
    """Run the features wanted and print one JSON document of what each saw; one that breaks is told as broken."""
    told = {}
    for name in FEATURES:
        try:
            seen = features[name]()
            told[name] = wait(seen) if inspect.iscoroutine(seen) else seen
        except Exception as error:
            told[name] = {"broken": f"{type(error).__name__}: {error}"[:2000]}
    LOOP.close()
    print(json.dumps(told))
