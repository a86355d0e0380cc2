"""Handing secrets out: what each consumer gets, under which name, and the values computed from others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal

from ops.runbook.errors import RunbookError
from ops.runbook.secret import Secret
from ops.vault import contract as contracts
from ops.vault.contract import Contract, Rule
from ops.vault.store import Vault

if TYPE_CHECKING:
    from ops.description.stack import Stack
    from ops.vault.inventory import Inventory

Database = Literal["direct", "pooled"]


def for_consumer(
    vault: Vault, contract: Contract, stack: Stack, consumer: str, *, database: Database = "pooled"
) -> dict[str, Secret]:
    """What one consumer gets: environment name → secret.

    Args:
        consumer: one of the contract's consumers, e.g. ``gateway``.
        database: Langfuse's working connection: ``direct`` until the first migrations, then ``pooled``.

    Raises:
        RunbookError: VAULT-013, naming every secret that is not there yet and the step it comes from.
    """
    return for_consumers(vault, contract, stack, [consumer], database=database)


def for_consumers(
    vault: Vault, contract: Contract, stack: Stack, consumers: Iterable[str], *, database: Database = "pooled"
) -> dict[str, Secret]:
    """What several consumers get that share one set of secrets, as the process groups of one Fly app do.

    Raises:
        RunbookError: VAULT-013 as `for_consumer`; VAULT-014 when two want different values under one name.
        ValueError: the contract knows no such consumer.
    """
    rules = contract.rules(stack, vault.target)
    result: dict[str, Secret] = {}
    lacking: list[Rule] = []
    for consumer in consumers:
        if consumer not in contract.consumers:
            raise ValueError(f"the contract knows no consumer '{consumer}'")
        own: dict[str, Secret] = {}
        for rule in rules.values():
            if consumer not in rule.consumers or (not rule.stored and rule.derive is None):
                continue
            absent = [rules[name] for name in _sources(rule) if not vault.has(name)]
            lacking.extend(absent)
            if not absent:
                own[rule.consumers[consumer]] = _value(vault, rules, stack, rule.name, database)
        for name, secret in own.items():
            if result.setdefault(name, secret) != secret:
                raise RunbookError(
                    "VAULT-014",
                    f"two consumers want different values as {name}",
                    why="they share one set of secrets",
                    next=f"edit {contract.file}",
                )
    if lacking:
        raise _lacking(lacking)
    return result


def value(vault: Vault, contract: Contract, stack: Stack, name: str, *, database: Database = "pooled") -> Secret:
    """One secret by its name in the contract, computed where it is a derived one.

    Raises:
        RunbookError: VAULT-001 not in the vault, VAULT-013 a derived one lacks a source, PG-... a bad URL.
    """
    return _value(vault, contract.rules(stack, vault.target), stack, name, database)


def _value(vault: Vault, rules: Mapping[str, Rule], stack: Stack, name: str, database: Database) -> Secret:
    rule = rules.get(name)
    if rule is None or rule.derive is None:
        return vault.get(name)
    absent = [rules[source] for source in _sources(rule) if not vault.has(source)]
    if absent:
        raise _lacking(absent)
    from ops.vault import postgres_urls as urls

    postgres = stack.postgres
    password = vault.get("LANGFUSE_DB_PASSWORD")
    direct = urls.direct(vault.get("SUPABASE_DIRECT_URL"))
    if rule.derive == "langfuse-direct":
        return direct.as_role(postgres.role, password).prisma(postgres.schema, pooled=False)
    pooled = urls.pooled(vault.get("SUPABASE_POOLED_URL"))
    urls.same_project(direct, pooled)
    url = (pooled if database == "pooled" else direct).as_role(postgres.role, password)
    return url.prisma(postgres.schema, pooled=database == "pooled", connection_limit=postgres.connection_limit)


def value_of(inventory: Inventory, name: str) -> Secret:
    """One value by name, wherever it is: in the vault, computed, or in the operator's settings.

    Raises:
        RunbookError: VAULT-015 the contract knows no such name; VAULT-001, VAULT-013 it is not there yet.
    """
    rule = inventory.rule(name)
    if rule.stored or rule.derive is not None:
        return value(inventory.vault, contracts.read(), inventory.stack, name)
    text = inventory.settings.get(name, "").strip()
    if not text:
        raise RunbookError("VAULT-001", f"{name} is not in the environment", next="put it into .env")
    return Secret(text)


def _sources(rule: Rule) -> tuple[str, ...]:
    """The stored secrets a value is made of: itself, or those it is derived from."""
    if rule.derive == "langfuse-direct":
        return ("SUPABASE_DIRECT_URL", "LANGFUSE_DB_PASSWORD")
    if rule.derive == "langfuse-database":
        return ("SUPABASE_DIRECT_URL", "SUPABASE_POOLED_URL", "LANGFUSE_DB_PASSWORD")
    return (rule.name,)


def _lacking(rules: Iterable[Rule]) -> RunbookError:
    by_name = {rule.name: rule for rule in rules}
    sources = {name: f"step {rule.step}" if rule.step else "step 1.2" for name, rule in sorted(by_name.items())}
    only_person = all(rule.origin == "given" for rule in by_name.values())
    return RunbookError(
        "VAULT-013",
        f"not in the vault yet: {', '.join(sources)}",
        why=", ".join(f"{name} comes from {source}" for name, source in sources.items()),
        next="inv setup.secrets" if "step 1.2" in sources.values() else "inv setup.all",
        blocked=only_person,
    )
