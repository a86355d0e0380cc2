"""A request for an answer, parsed once, with everything that is derived from its body."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from ..cache.keys import END_USER_METADATA, Controls, controls
from ..limits.tokens import InputSize
from ..outcome import Outcome
from ..upstream.provider import encode
from .errors import BadRequest

MOST_METADATA = 16
LONGEST_METADATA = 512
DATED = re.compile(r"-\d{4}-\d{2}-\d{2}$")
"""How the provider signs its answers: a model's name and a date, and a client may ask by that name too."""

API = Literal["chat", "responses"]
ReferenceKind = Literal["response", "conversation", "item", "file", "prompt", "audio"]


@dataclass(frozen=True)
class Reference:
    """Something kept at the provider that a request names: its kind, its id, and where it was named."""

    kind: ReferenceKind
    id: str
    param: str


@dataclass(frozen=True)
class Request:
    """What a client asked for.

    Attributes:
        api: which of the provider's two APIs it speaks.
        body: the parameters for the provider, without model and stream.
        travelling: what is added to the body on its way: that the answer is to be streamed, and how.
        model: the model asked for, one of those that exist.
        stream: whether the answer is wanted as server-sent events.
        include_usage: whether a streamed chat answer is to end with its usage.
        controls: what the client wants of the caches.
        labels: the client's own metadata, shortened, for the trace.
        named: what in the metadata names the end user, in full: two people must never look like one.
        output_tokens: the most the answer can have, over all choices.
        size: of the input, earlier turns kept at the provider not included.
        references: what it names of the provider's own store.
        stateful: it reads or leaves something at the provider, so a kept answer could not stand for it.
        background: the answer is made after the reply.
        hosted: tools that run at the provider, with how often each may be called.
    """

    api: API
    body: Mapping[str, Any] = field(repr=False)
    travelling: Mapping[str, Any] = field(repr=False)
    model: str
    stream: bool
    include_usage: bool
    controls: Controls
    labels: Mapping[str, str]
    named: Mapping[str, Any]
    output_tokens: int
    size: InputSize
    references: tuple[Reference, ...] = ()
    stateful: bool = False
    background: bool = False
    hosted: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def content(self) -> bytes:
        """The body as it is sent, a JSON object without the model. Takes a millisecond for each 200 kB, once."""
        return encode({**self.body, **self.travelling})

    @property
    def endpoint(self) -> str:
        """Below the provider's base URL."""
        return "chat/completions" if self.api == "chat" else "responses"

    @property
    def identity(self) -> dict[str, Any]:
        """All that can decide which answer is right: the API, the parameters and who the end user is."""
        return {**self.body, "metadata": self.named, "api": self.api}

    def note_on(self, outcome: Outcome) -> None:
        """Note what is asked for on the outcome."""
        outcome.requested_model, outcome.stream = self.model, self.stream
        outcome.metadata, outcome.end_user = self.labels, self.end_user
        outcome.input = self.body.get("messages", self.body.get("input"))
        outcome.parameters = {
            name: value
            for name, value in self.body.items()
            if isinstance(value, int | float | str) and name not in ("user", "input", "instructions")
        }

    @property
    def end_user(self) -> str | None:
        """The person who asks, as the client names them: `user`, `safety_identifier` or the metadata's `user_id`."""
        user = self.body.get("user") or self.body.get("safety_identifier") or self.labels.get("user_id")
        return user if isinstance(user, str) else None


@dataclass(frozen=True)
class Offer:
    """What a client may ask for.

    Attributes:
        models: names of the models that answer.
        default_model: for a request that names none.
        default_max_tokens: for a request that does not bound its answer.
        hosted_tools: tools that run at the provider and have a price here.
    """

    models: tuple[str, ...]
    default_model: str
    default_max_tokens: int
    hosted_tools: tuple[str, ...] = ()


def chosen_model(sent: Mapping[str, Any], offer: Offer) -> str:
    """The model a request names, by its plain name or the dated one that answers carry; raises BadRequest."""
    asked = sent.get("model")
    if asked is None:
        return offer.default_model
    if isinstance(asked, str):
        for name in (asked, DATED.sub("", asked)):
            if name in offer.models:
                return name
        raise unknown_model(asked, offer.models)
    raise BadRequest("Invalid type for 'model': expected a string.", param="model", code="invalid_type")


def unknown_model(asked: str, models: tuple[str, ...]) -> BadRequest:
    """The error for a name that no model has, as OpenAI documents it: 404 with a code of its own."""
    return BadRequest(
        f"The model '{asked[:80]}' does not exist here; there are {', '.join(models)}",
        status=404, param="model", code="model_not_found",
    )  # fmt: skip


def controls_of(sent: Mapping[str, Any], cache_control: str | None) -> Controls:
    """What the client wants of the caches, from the body's `cache` field and the Cache-Control header."""
    asked = controls(sent)
    words = {word.strip().lower() for word in (cache_control or "").split(",")}
    return replace(
        asked, no_cache=asked.no_cache or "no-cache" in words, no_store=asked.no_store or "no-store" in words
    )


def labels_of(sent: object) -> dict[str, str]:
    """The client's metadata as a trace shows it."""
    if not isinstance(sent, Mapping):
        return {}
    plain = [(name, str(value)) for name, value in sent.items() if isinstance(value, str | int | float)]
    return {name[:64]: value[:LONGEST_METADATA] for name, value in plain[:MOST_METADATA]}


def named_in(sent: object) -> dict[str, Any]:
    """The fields of the client's metadata that name the end user."""
    if not isinstance(sent, Mapping):
        return {}
    return {name: sent[name] for name in END_USER_METADATA if sent.get(name) not in (None, "")}
