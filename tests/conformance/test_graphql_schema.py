"""GraphQL is held to Fly's own schema: our queries, flyctl's queries, and every answer the simulator gives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    parse,
    validate,
)

from ops.services.fly import Deploy, Fly, redis
from tests.conformance.conftest import IMAGE
from tests.flysim.server import FlySim

SCHEMA = Path(__file__).resolve().parents[3] / "shared" / "contracts" / "fly-graphql-schema.graphql"


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    """Fly's schema."""
    if not SCHEMA.is_file():
        pytest.skip("Fly's GraphQL schema (../shared/contracts/fly-graphql-schema.graphql) is not here")
    return build_schema(SCHEMA.read_text(), assume_valid_sdl=True)


SCALARS: dict[str, type] = {"Int": int, "String": str, "ID": str, "Boolean": bool}
OURS = ("LIST", "GET", "PLANS", "ORGANIZATION", "CREATE", "UPDATE", "DELETE")


@pytest.mark.parametrize("name", OURS)
def test_our_query_is_valid(schema: GraphQLSchema, name: str) -> None:
    assert validate(schema, parse(getattr(redis, name))) == []


def test_a_wrong_query_would_be_found(schema: GraphQLSchema) -> None:
    assert validate(schema, parse("query { addOn(name: 1) { id noSuchField } }"))


def live(fly: Fly, toml: Path) -> None:
    """A life that makes every GraphQL call there is."""
    fly.whoami()
    fly.orgs()
    fly.create_app("one", "personal")
    fly.apps("personal")
    fly.allocate_shared_v4("one")
    fly.allocate_v6("one")
    fly.ips("one")
    fly.deploy("one", toml, Deploy(image=IMAGE))
    fly.status("one")
    fly.releases("one")
    fly.scale_count("one", {"worker": 2}, config=toml)
    fly.deploy_secrets("one")
    database = fly.redis.create("cache", "personal", "ord", "Fixed 250MB")
    fly.redis.update(database, eviction=True)
    fly.redis.update(fly.redis.all("personal")["cache"], plan="Fixed 1GB")
    assert fly.redis.get("cache") is not None
    fly.redis.delete("cache")


def test_queries_and_answers_of_a_whole_life_are_the_schemas(
    fly: Fly, sim: FlySim, toml: Path, schema: GraphQLSchema
) -> None:
    live(fly, toml)
    assert len(sim.graphql.log) > 20
    for document, _, answer in sim.graphql.log:
        assert validate(schema, parse(document)) == [], document
        wrong = list(mismatches(schema, document, answer["data"]))
        assert wrong == [], document


def mismatches(schema: GraphQLSchema, document: str, data: Any) -> Iterator[str]:
    """Where an answer is not of the types the schema gives its fields; fragments are not followed."""
    for operation in parse(document).definitions:
        if isinstance(operation, OperationDefinitionNode) and data is not None:
            root = schema.get_root_type(operation.operation)
            assert root is not None
            yield from _object(root, operation.selection_set.selections, data, operation.operation.value)


def _object(kind: GraphQLObjectType, selections: Any, value: Any, path: str) -> Iterator[str]:
    for node in selections:
        if not isinstance(node, FieldNode) or node.name.value.startswith("__"):
            continue
        key = node.alias.value if node.alias else node.name.value
        inner = [] if node.selection_set is None else node.selection_set.selections
        yield from _value(kind.fields[node.name.value].type, inner, value.get(key), f"{path}.{key}")


def _value(kind: Any, selections: Any, value: Any, path: str) -> Iterator[str]:
    if isinstance(kind, GraphQLNonNull):
        if value is None:
            yield f"{path} is null"
            return
        kind = kind.of_type
    if value is None:
        return
    if isinstance(kind, GraphQLList):
        if not isinstance(value, list):
            yield f"{path} is no list"
            return
        for item in value:
            yield from _value(kind.of_type, selections, item, path)
    elif isinstance(kind, GraphQLObjectType):
        yield from _object(kind, selections, value, path)
    elif isinstance(kind, GraphQLEnumType) and value not in kind.values:
        yield f"{path}: {value} is not one of {kind.name}"
    elif isinstance(kind, GraphQLScalarType):
        wanted = SCALARS.get(kind.name)
        if wanted and not isinstance(value, wanted):
            yield f"{path}: {value!r} is no {kind.name}"
