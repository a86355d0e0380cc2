"""Random JSON values of the types that OpenAI's SDK declares: its pydantic models and its TypedDicts."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from random import Random
from typing import Annotated, Any, Literal, NotRequired, Required, Union, get_args, get_origin

from pydantic import BaseModel
from typing_extensions import is_typeddict

ABSENT, NULL = 0.35, 0.3
"""How often an optional field is left out, and how often one that may be null is."""
DEEPEST = 6
"""Levels from which on optional fields are left out and lists are empty: some types hold themselves."""
TEXTS = (
    "", " ", "a", "plain words", "naïve café", "退货政策", "שלום עולם", "🧑\u200d🚀👍🏽", "e\u0301", "\u2028\ufeff",
    'a "quoted" word', "back\\slash \\u0041", "line\nbreak\r\n\ttab", "\u0000\u0001\u001f\u007f", "</script><!--",
    "data: [DONE]", "\n\ndata: {}\n\n", "event: error", '{"error":{"message":"no"}}', "%2e%2e/", "NaN", "null",
    "\U0010ffff", "a" * 1000, "ß" * 300,
)  # fmt: skip
WHOLE = (0, 1, -1, 7, 1000, 2**31, 2**53, 2**53 + 1, -(2**63), 10**20)
BROKEN = (0.0, -0.0, 0.1, 1.5, -2.25, 1e-7, 1e22, 1.7976931348623157e308, 5e-324, 0.30000000000000004)

Maker = Callable[[Random], Any]
Made = Mapping[str, Maker]
"""By field name, or `Type.field`: how a value is made that the type alone does not describe."""


class Instances:
    """Makes values of types.

    Args:
        random: the source of chance; the same seed makes the same values.
        made: fields whose values have bounds that their type does not say.
    """

    def __init__(self, random: Random, made: Made) -> None:
        self._random, self._made = random, made

    def of(self, kind: Any, depth: int = 0) -> Any:
        """A random value of a type, as JSON holds it."""
        random, origin = self._random, get_origin(kind)
        if origin is Literal:
            return random.choice(get_args(kind))
        if origin in (Union, types.UnionType):
            return self._one_of(get_args(kind), depth)
        if origin in (Annotated, Required, NotRequired):
            return self.of(get_args(kind)[0], depth)
        if origin in (list, Sequence, Iterable) or kind in (list,):
            return self._list((get_args(kind) or (str,))[0], depth)
        if origin in (dict, Mapping):
            value = get_args(kind)[1]
            return {self.text()[:60] + str(n): self.of(value, depth + 1) for n in range(self._few(depth))}
        if kind in _PLAIN:
            return self._plain(kind, depth)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return self._fields(kind.__name__, _model_fields(kind), depth)
        if is_typeddict(kind):
            return self._fields(kind.__name__, _dict_fields(kind), depth)
        raise TypeError(f"no values are known for {kind!r}")

    def text(self) -> str:
        """A text that something on the way might trip over."""
        return self._random.choice(TEXTS)

    def _plain(self, kind: Any, depth: int) -> Any:
        random = self._random
        if kind is str:
            return self.text()
        if kind is bool:
            return random.random() < 0.5
        if kind is int:
            return random.choice(WHOLE)
        if kind is float:
            return random.choice(BROKEN)
        if kind is type(None):
            return None
        # object, Any: whatever JSON can hold.
        return self.of(random.choice((str, int, float, bool, dict[str, str], list[int])), depth + 1)

    def _one_of(self, kinds: Sequence[Any], depth: int) -> Any:
        if type(None) in kinds and (depth >= DEEPEST or self._random.random() < NULL):
            return None
        rest = [kind for kind in kinds if kind is not type(None)]
        if depth >= DEEPEST:
            simple = [kind for kind in rest if kind in _PLAIN or get_origin(kind) is Literal]
            rest = simple or rest
        return self.of(self._random.choice(rest), depth)

    def _list(self, kind: Any, depth: int) -> list[Any]:
        return [self.of(kind, depth + 1) for _ in range(self._few(depth))]

    def _few(self, depth: int) -> int:
        return 0 if depth >= DEEPEST else self._random.choice((0, 1, 1, 2, 3))

    def _fields(self, name: str, fields: Sequence[tuple[str, Any, bool]], depth: int) -> dict[str, Any]:
        made = {}
        for field, kind, required in fields:
            if not required and (depth >= DEEPEST or self._random.random() < ABSENT):
                continue
            maker = self._made.get(f"{name}.{field}") or self._made.get(field)
            made[field] = maker(self._random) if maker else self.of(kind, depth + 1)
        return made


_PLAIN = frozenset({str, bool, int, float, type(None), object, Any})


@cache
def _model_fields(kind: type[BaseModel]) -> tuple[tuple[str, Any, bool], ...]:
    kind.model_rebuild()  # The SDK builds a model when it is first used.
    return tuple(
        (field.alias or name, field.annotation, field.is_required()) for name, field in kind.model_fields.items()
    )


@cache
def _dict_fields(kind: Any) -> tuple[tuple[str, Any, bool], ...]:
    # The SDK's modules postpone their annotations, so only the resolved hint shows what is required.
    total = kind.__total__
    found = []
    for name, hint in typing.get_type_hints(kind, include_extras=True).items():
        marked = get_origin(hint)
        found.append((name, hint, marked is Required or (total and marked is not NotRequired)))
    return tuple(found)
