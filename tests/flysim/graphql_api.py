"""The GraphQL half: queries are parsed by graphql-core and answered by walking plain values.

A small executor of our own instead of a schema-bound one: the platform's schema is not ours to keep here.
Fields nobody taught it are answered with null and remembered in `unknown`, which a test holds empty.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    parse,
    value_from_ast_untyped,
)
from graphql.language import SelectionSetNode

from tests.flysim.graphql_mutations import Mutations
from tests.flysim.graphql_values import Failure, Values
from tests.flysim.state import Json, State


class GraphQL:
    """Answers GraphQL documents from the state."""

    def __init__(self, state: State, values: Values, mutations: Mutations) -> None:
        self.state = state
        self.values = values
        self.mutations = mutations
        self.unknown: set[str] = set()
        self.log: list[tuple[str, Json, Json]] = []

    @staticmethod
    def describe(document: str) -> tuple[str, str]:
        """(``query`` or ``mutation``, the names of its root fields)."""
        node = parse(document, no_location=True)
        for definition in node.definitions:
            if isinstance(definition, OperationDefinitionNode):
                fields = [s.name.value for s in definition.selection_set.selections if isinstance(s, FieldNode)]
                return definition.operation.value, ",".join(fields)
        return "query", ""

    def answer(self, document: str, variables: Json) -> Json:
        """The response body for one request."""
        node = parse(document, no_location=True)
        fragments = {d.name.value: d for d in node.definitions if isinstance(d, FragmentDefinitionNode)}
        operation = next(d for d in node.definitions if isinstance(d, OperationDefinitionNode))
        for definition in operation.variable_definitions or ():
            name = definition.variable.name.value
            if name not in variables and definition.default_value is not None:
                variables[name] = value_from_ast_untyped(definition.default_value)
        walker = _Walker(self, variables, fragments)
        resolvers = self.mutations if operation.operation.value == "mutation" else self.values
        try:
            reply: Json = {"data": walker.root(resolvers, operation.selection_set)}
        except Failure as failure:
            reply = {
                "data": None,
                "errors": [{"message": str(failure), "path": [failure.field], "extensions": {"code": failure.code}}],
            }
        self.log.append((document, variables, reply))
        return reply


class _Walker:
    """Projects values onto one document's selections."""

    def __init__(self, api: GraphQL, variables: Json, fragments: dict[str, FragmentDefinitionNode]) -> None:
        self.api = api
        self.variables = variables
        self.fragments = fragments

    def _fields(self, selections: SelectionSetNode) -> list[FieldNode]:
        found: list[FieldNode] = []
        for selection in selections.selections:
            if isinstance(selection, FieldNode):
                found.append(selection)
            elif isinstance(selection, FragmentSpreadNode):
                found += self._fields(self.fragments[selection.name.value].selection_set)
            elif isinstance(selection, InlineFragmentNode):
                found += self._fields(selection.selection_set)
        return found

    def root(self, resolvers: object, selections: SelectionSetNode) -> Json:
        """Resolve the root fields with the methods named after them."""
        reply: Json = {}
        for node in self._fields(selections):
            name = node.name.value
            resolver: Callable[..., Any] | None = getattr(resolvers, f"get_{name}", None)
            if resolver is None:
                self.api.unknown.add(name)
                raise Failure(f"Field '{name}' is not simulated", name)
            try:
                value = resolver(**self._arguments(node))
            except Failure as failure:
                failure.field = name
                raise
            reply[self._key(node)] = self._project(value, node, name)
        return reply

    def _arguments(self, node: FieldNode) -> Json:
        return {a.name.value: value_from_ast_untyped(a.value, self.variables) for a in node.arguments or ()}

    @staticmethod
    def _key(node: FieldNode) -> str:
        return node.alias.value if node.alias else node.name.value

    def _project(self, value: Any, node: FieldNode, path: str) -> Any:
        if value is None or node.selection_set is None:
            return value
        if isinstance(value, list):
            return [self._project(item, node, path) for item in value]
        merged: Json = {}
        for child in self._fields(node.selection_set):
            name = child.name.value
            if name not in value:
                if name != "__typename":
                    self.api.unknown.add(f"{path}.{name}")
                merged[self._key(child)] = None
                continue
            inner = value[name]
            if callable(inner):
                inner = inner(**self._arguments(child))
            projected = self._project(inner, child, f"{path}.{name}")
            key = self._key(child)
            if isinstance(projected, dict) and isinstance(merged.get(key), dict):
                merged[key] |= projected
            else:
                merged[key] = projected
        return merged
