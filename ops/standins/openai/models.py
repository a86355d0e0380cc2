"""The models the stand-in serves, what OpenAI documents of them, and ``/v1/models``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ops.standins.openai.errors import ApiError, invalid, no_model

DEFAULT = ("gpt-4o-mini", "gpt-4o", "text-embedding-3-large")
CREATED = 1_715_367_049


@dataclass(frozen=True)
class Model:
    """A model as OpenAI's model pages describe it; ``context`` and ``output`` are limits in tokens.

    ``image_tokens`` are what a picture costs: the base, and each tile of 512 pixels.
    """

    name: str
    dated: str
    kind: str = "chat"
    context: int = 128_000
    output: int = 16_384
    reasoning: bool = False
    verbosity: bool = False
    image_tokens: tuple[int, int] = (85, 170)
    dimensions: int = 0


def _family(names: Sequence[str], day: str, **more: Any) -> list[Model]:
    return [Model(name, f"{name}-{day}", **more) for name in names]


KNOWN = {
    model.name: model
    for model in (
        Model("gpt-4o-mini", "gpt-4o-mini-2024-07-18", image_tokens=(2833, 5667)),
        Model("gpt-4o", "gpt-4o-2024-08-06"),
        *_family(("gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano"), "2025-04-14", context=1_047_576, output=32_768),
        *_family(("o3", "o4-mini"), "2025-04-16", context=200_000, output=100_000, reasoning=True),
        *_family(
            ("gpt-5", "gpt-5-mini", "gpt-5-nano"),
            "2025-08-07",
            context=400_000,
            output=128_000,
            reasoning=True,
            verbosity=True,
            image_tokens=(70, 140),
        ),
        Model("text-embedding-3-large", "text-embedding-3-large", "embedding", 8191, dimensions=3072),
        Model("text-embedding-3-small", "text-embedding-3-small", "embedding", 8191, dimensions=1536),
        Model("text-embedding-ada-002", "text-embedding-ada-002", "embedding", 8191, dimensions=1536),
    )
}


class Catalog:
    """The models served under the names given, each under its dated name as well."""

    def __init__(self, names: Sequence[str]) -> None:
        listed = [KNOWN.get(name) or _unknown(name) for name in names]
        self._models = {name: model for model in listed for name in (model.name, model.dated)}

    def find(self, name: str) -> Model | None:
        """The model of that name, plain or dated; None when it is not served."""
        return self._models.get(name)

    def listed(self, name: str) -> str:
        """The name under which a model is counted: the plain one for its dated one."""
        model = self._models.get(name)
        return model.name if model else name

    def chat(self, name: str) -> Model:
        """A model that chats. Raises ApiError."""
        if (model := self.find(name)) is None:
            raise no_model(name)
        if model.kind != "chat":
            raise ApiError(404, "This is not a chat model and cannot be used here.", param="model")
        return model

    def embedding(self, name: str) -> Model:
        """A model that embeds. Raises ApiError."""
        if (model := self.find(name)) is None:
            raise no_model(name)
        if model.kind != "embedding":
            raise ApiError(403, "You are not allowed to generate embeddings from this model")
        return model

    async def list(self, request: Request) -> Response:
        """``GET /v1/models``."""
        return JSONResponse({"object": "list", "data": [_object(name) for name in self._models]})

    async def retrieve(self, request: Request) -> Response:
        """``GET /v1/models/{model}``."""
        name = request.path_params["model"]
        if name not in self._models:
            raise ApiError(404, f"The model '{name}' does not exist", param="model", code="model_not_found")
        return JSONResponse(_object(name))


def _unknown(name: str) -> Model:
    kind = "embedding" if name.startswith("text-embedding") else "chat"
    return Model(name, name, kind, dimensions=1536 if kind == "embedding" else 0)


def _object(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "system"}


def given(body: Mapping[str, Any]) -> None:
    """Raise ApiError unless a request names a model."""
    if body.get("model") in (None, ""):
        raise invalid("you must provide a model parameter", code=None)
