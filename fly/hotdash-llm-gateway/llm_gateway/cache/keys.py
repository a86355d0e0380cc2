"""Identity of chat requests: keys for the exact tier, partitions for the semantic tier.

The team is part of every key by construction: nothing a client writes into a body can move it into another team's
keys, because the team is given by the caller's credential. The end user is part of it where the stack says so
(`per_user`); elsewhere the end users of a team share answers, since the same request of the same team is what the
model would be asked again, whoever sends it. What is personal stands in the messages, and those are always compared.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SCHEMA = "2"
"""Part of every key: raise it when the meaning of a key or of a stored value changes."""

IRRELEVANT = frozenset(
    {
        # How the answer travels.
        "stream", "stream_options", "timeout", "request_timeout", "stream_timeout", "num_retries", "max_retries",
        # Book-keeping of the client, of OpenAI or of LiteLLM.
        "metadata", "litellm_metadata", "store", "service_tier", "prompt_cache_key", "prompt_cache_retention",
        "cache", "caching", "cache_key", "no-log", "ttl", "tags", "extra_headers", "litellm_call_id",
        "litellm_trace_id", "litellm_session_id", "litellm_logging_obj", "proxy_server_request", "secret_fields",
        # Taken into the key under a name of their own.
        "model", "messages", "input", "user", "safety_identifier",
    }
)  # fmt: skip
"""Request fields that cannot change the answer. A field not named here always counts."""

DEFAULTS: Mapping[str, Any] = {
    "n": 1, "temperature": 1, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0, "logprobs": False,
    "logit_bias": {}, "tools": [], "functions": [], "stop": [],
}  # fmt: skip
"""Values that mean the same as leaving the field out (OpenAI's chat completion reference)."""

PERSONS = (
    "user_id", "userId", "end_user", "end_user_id", "endUserId", "trace_user_id", "customer_id", "customerId",
)  # fmt: skip
"""Fields of the client's `metadata` that name the end user, as do the request's `user` and `safety_identifier`."""
SESSIONS = ("session_id", "sessionId")
"""Fields of `metadata` that stand for the person only where no field names one: a person has many sessions."""
END_USER_METADATA = (*PERSONS, *SESSIONS)

STATE = ("previous_response_id", "conversation", "prompt")
"""Fields by which the provider knows more of the request than its text. An exact key counts them like any other."""
NOT_BY_SIMILARITY = (
    "tools", "functions", "modalities", "audio", "prediction", "web_search_options", *STATE,
)  # fmt: skip
"""Fields with which only the very same request may have the same answer."""


@dataclass(frozen=True)
class CacheKey:
    """Identity of one whole request of one team."""

    team: str
    digest: str


@dataclass(frozen=True)
class Turn:
    """One earlier message of a conversation."""

    role: str
    text: str


@dataclass(frozen=True)
class Partition:
    """Where answers may be shared between differently worded last questions.

    `key` stands for the team, the model, every system message, all parameters, and the end user if answers are not
    shared between end users. `history` holds the turns of the conversation before the last user message and
    `history_key` their digest (both empty for a first question). `end_user` is a digest of the person, if named.
    """

    team: str
    key: str
    question: str
    history: tuple[Turn, ...]
    history_key: str
    end_user: str = ""


@dataclass(frozen=True)
class Controls:
    """What a client may ask of the caches: to skip reading, to skip writing, to shorten the life of an entry."""

    no_cache: bool = False
    no_store: bool = False
    ttl_s: int | None = None


def digest(*parts: str) -> str:
    """32 hex digits standing for the parts; lengths are hashed too, so parts cannot run into each other."""
    hasher = hashlib.sha256()
    for part in (SCHEMA, *parts):
        raw = part.encode("utf-8", "surrogatepass")
        hasher.update(len(raw).to_bytes(8, "big"))
        hasher.update(raw)
    return hasher.hexdigest()[:32]


def controls(body: Mapping[str, Any]) -> Controls:
    """Read the client's `cache` field. Namespace, `s-maxage` and a longer life are ignored; ttl can only shorten."""
    asked = body.get("cache")
    if not isinstance(asked, Mapping):
        return Controls()
    ttl = asked.get("ttl")
    valid = isinstance(ttl, int | float) and not isinstance(ttl, bool) and 0 < ttl < float("inf")
    return Controls(
        no_cache=asked.get("no-cache") is True,
        no_store=asked.get("no-store") is True,
        ttl_s=max(1, int(ttl)) if valid and ttl is not None else None,
    )


def end_user(body: Mapping[str, Any]) -> str:
    """The person behind the request as far as the client names one, as canonical text; empty if none."""
    metadata = body.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    named: dict[str, Any] = {name: body.get(name) for name in ("user", "safety_identifier")}
    named |= {f"metadata.{name}": metadata.get(name) for name in PERSONS}
    sessions = {f"metadata.{name}": metadata.get(name) for name in SESSIONS}
    present = [{name: value for name, value in each.items() if value not in (None, "")} for each in (named, sessions)]
    return _text(present[0] or present[1]) if any(present) else ""


def exact_key(body: Mapping[str, Any], *, team: str, model: str, per_user: bool = False) -> CacheKey | None:
    """The key under which the answer to exactly this request is kept.

    Args:
        body: the request as JSON values: a chat completion (`messages`) or a response (`input`).
        team: the team the caller's key belongs to.
        model: the model that will answer, after escalation.
        per_user: whether the end users of the team are kept apart.

    Returns:
        The key, or None if the request is never the same twice: it holds something that is not JSON, or belongs to a
        `conversation`, which grows with every request at the provider.
    """
    messages = _said(body)
    if not messages or _present(body.get("conversation")):
        return None
    try:
        said, person = _text([_message(message) for message in messages]), end_user(body) if per_user else ""
        return CacheKey(team, digest("exact", team, person, model, _parameters(body), said))
    except (TypeError, ValueError):
        return None


def partition(body: Mapping[str, Any], *, team: str, model: str, per_user: bool = False) -> Partition | None:
    """The semantic partition of a request, or None where a similar question must never be enough.

    None for tools, functions, images or other non-text content, several answers (n > 1), state at the provider,
    structured message fields, and conversations that do not end with a user message. Arguments as for `exact_key`.
    """
    messages = _said(body)
    if not messages or _present(body.get("n"), 1) or any(_present(body.get(name)) for name in NOT_BY_SIMILARITY):
        return None
    turns = [_turn(message) for message in messages]
    if any(turn is None for turn in turns):
        return None
    spoken = [turn for turn in turns if turn is not None]
    if spoken[-1].role != "user" or not spoken[-1].text.strip():
        return None
    # A system message counts with its place: the same words before and after a turn are not the same request.
    system = [(at, turn.text) for at, turn in enumerate(spoken) if turn.role in ("system", "developer")]
    leading = all(at == place for place, (at, _) in enumerate(system))
    history = tuple(turn for turn in spoken[:-1] if turn.role not in ("system", "developer"))
    rules = [text for _, text in system] if leading else [list(pair) for pair in system]
    try:
        person = end_user(body)
        key = digest("semantic", team, person if per_user else "", model, _parameters(body), _text(rules))
    except (TypeError, ValueError):
        return None
    history_key = digest("history", _text([[turn.role, turn.text] for turn in history])) if history else ""
    return Partition(team, key, spoken[-1].text, history, history_key, digest("person", person) if person else "")


def _said(body: Mapping[str, Any]) -> list[Any]:
    """The messages of a chat completion, or the input of a response; empty if there are none."""
    said = body.get("messages") if body.get("messages") is not None else body.get("input")
    if isinstance(said, str):
        return [{"role": "user", "content": said}] if "messages" not in body else []
    return said if isinstance(said, list) else []


def _turn(message: Any) -> Turn | None:
    if not isinstance(message, Mapping):
        return None
    plain = _message(message)
    text, role = plain.get("content"), plain.get("role")
    if set(plain) - {"role", "content"} or not isinstance(text, str):
        return None
    return Turn(role, text) if role in ("system", "developer", "user", "assistant") else None


def _message(message: Any) -> dict[str, Any]:
    if not isinstance(message, Mapping):
        raise TypeError("a message is an object")
    plain = {name: value for name, value in message.items() if value is not None}
    content = plain.get("content")
    if isinstance(content, Sequence) and not isinstance(content, str) and len(content) == 1:
        (part,) = content
        if isinstance(part, Mapping) and set(part) == {"type", "text"} and part["type"] in ("text", "input_text"):
            plain["content"] = part["text"]
    return plain


def _parameters(body: Mapping[str, Any]) -> str:
    counted = {
        name: value
        for name, value in body.items()
        if name not in IRRELEVANT and _present(value, *((DEFAULTS[name],) if name in DEFAULTS else ()))
    }
    if "messages" not in body:
        # A response has another shape than a chat completion, and one that was not stored cannot be continued.
        counted |= {"": "response", "store": body.get("store") is not False}
    return _text(counted)


def _present(value: Any, *meaningless: Any) -> bool:
    return value is not None and value not in meaningless and (value not in ([], {}, ""))


def _text(value: Any) -> str:
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _plain(value: Any) -> Any:
    """JSON values with one spelling per number: 1.0 and 1 ask for the same thing."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
