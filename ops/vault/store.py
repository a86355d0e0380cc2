"""The vault file: JSON, private to its owner, written whole or not at all, the previous version kept.

The file holds, per secret, its value, how it came and when; per consumer, a keyed digest of each value
last sent to it, so that drift is seen without reading a secret back; and the name of its target, so that
a rehearsal can never open production's vault, nor the other way round.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets as randomness
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from ops.description.typed import convert, encode
from ops.runbook.errors import RunbookError
from ops.runbook.secret import Secret
from ops.vault.file import PrivateFile

VERSION = 1

Origin = Literal["generated", "given", "provisioned"]

_NAME = re.compile(r"[A-Z][A-Z0-9_]*")


@dataclass(frozen=True)
class Entry:
    """What may be shown of a secret: never its value. Times are UTC."""

    name: str
    origin: Origin
    created: datetime
    changed: datetime


@dataclass(frozen=True)
class Pending:
    """What a consumer has not got yet, by the names of its environment variables.

    Attributes:
        new: never sent to it.
        changed: sent, with another value.
        gone: sent once, no longer wanted.
    """

    new: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.new or self.changed or self.gone)

    def __str__(self) -> str:
        parts = (("new", self.new), ("changed", self.changed), ("gone", self.gone))
        return "; ".join(f"{word}: {', '.join(names)}" for word, names in parts if names) or "nothing"


class _Record(msgspec.Struct, forbid_unknown_fields=True):
    value: str
    origin: Origin
    created: datetime
    changed: datetime


class _Sent(msgspec.Struct, forbid_unknown_fields=True):
    digest: str
    at: datetime


class _Content(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    version: int = VERSION
    target: str
    digest_key: str
    secrets: dict[str, _Record] = {}
    sent: dict[str, dict[str, _Sent]] = {}


class Vault:
    """The secrets of one target. Reads are always of the file as it is now; writers exclude each other.

    Args:
        path: the vault file; need not exist yet. Its folder belongs to the vault alone.
        target: the target it serves; a file that names another target is refused.
    """

    def __init__(self, path: Path, target: str) -> None:
        self.path = path
        self.target = target
        self.file = PrivateFile(path)
        self._seen: tuple[bytes, _Content] | None = None
        self._guard = threading.Lock()

    @property
    def previous(self) -> Path:
        """The version before the last change of a secret."""
        return self.file.previous

    @property
    def exists(self) -> bool:
        """Whether the vault file is there (nothing is said about its soundness)."""
        return self.file.exists

    def names(self) -> tuple[str, ...]:
        """Names of all secrets, sorted; none where there is no vault yet."""
        content = self._read()
        return tuple(sorted(content.secrets)) if content else ()

    def has(self, name: str) -> bool:
        """Whether the secret is there."""
        content = self._read()
        return content is not None and name in content.secrets

    def get(self, name: str) -> Secret:
        """The secret.

        Raises:
            RunbookError: VAULT-001 it is not in the vault, VAULT-002 ... 005 when the vault is not sound.
        """
        content = self._read()
        if content is None or name not in content.secrets:
            raise RunbookError(
                "VAULT-001",
                f"{name} is not in the vault",
                why="there is no vault yet" if content is None else "it has not been made or given yet",
                next="inv setup.secrets",
            )
        return Secret(content.secrets[name].value)

    def entries(self) -> tuple[Entry, ...]:
        """Every secret without its value, sorted by name."""
        content = self._read()
        if content is None:
            return ()
        return tuple(
            Entry(name, record.origin, record.created, record.changed)
            for name, record in sorted(content.secrets.items())
        )

    def replaced(self) -> dict[str, Secret]:
        """Values of the version before that have another value now, by name: what must no longer work anywhere.

        Raises:
            RunbookError: VAULT-003 ... 005, 008 when that version is not sound.
        """
        raw = PrivateFile(self.previous).read()
        if raw is None:
            return {}
        content = self._decode(raw, self.previous)
        before = {name: Secret(record.value) for name, record in content.secrets.items()}
        return {name: old for name, old in before.items() if self.has(name) and self.get(name) != old}

    def put(self, values: Mapping[str, Secret], *, origin: Origin) -> None:
        """Store secrets, all in one write; values that are there already are not written again.

        Raises:
            RunbookError: VAULT-007 disk full, VAULT-008 not writable, VAULT-009 another writer holds it; VAULT-012 a
                value is empty or holds line breaks.
            ValueError: a name is not one for a secret.
        """
        for name, secret in values.items():
            if not _NAME.fullmatch(name):
                raise ValueError(f"not a name for a secret: {name}")
            if not secret.reveal() or not secret.reveal().isprintable():
                raise RunbookError("VAULT-012", f"{name} is empty or holds line breaks", next="give it again")

        def change(content: _Content) -> bool:
            now = _now()
            changed = False
            for name, secret in values.items():
                old = content.secrets.get(name)
                if old is not None and old.value == secret.reveal():
                    continue
                created = now if old is None else old.created
                content.secrets[name] = _Record(secret.reveal(), origin, created, now)
                changed = True
            return changed

        self._update(change)

    def remove(self, names: Iterable[str]) -> None:
        """Take secrets out of the vault; names that are not there are ignored."""

        def change(content: _Content) -> bool:
            there = content.secrets.keys() & set(names)
            for name in there:
                del content.secrets[name]
            return bool(there)

        self._update(change)

    def mark_sent(self, consumer: str, values: Mapping[str, Secret]) -> None:
        """Remember that `consumer` now has exactly `values` (environment name → secret)."""

        def change(content: _Content) -> bool:
            now = _now()
            before = content.sent.get(consumer, {})
            after: dict[str, _Sent] = {}
            for name, secret in values.items():
                digest = _digest(content.digest_key, consumer, name, secret)
                old = before.get(name)
                after[name] = old if old is not None and old.digest == digest else _Sent(digest, now)
            content.sent[consumer] = after
            return after != before

        self._update(change, keep_previous=False)

    def forget_sent(self, consumer: str) -> None:
        """Forget what was sent: the consumer was destroyed or made anew."""
        self._update(lambda content: content.sent.pop(consumer, None) is not None, keep_previous=False)

    def pending(self, consumer: str, wanted: Mapping[str, Secret]) -> Pending:
        """What `consumer` lacks of `wanted` (environment name → secret), judged by digests alone."""
        content = self._read()
        sent = content.sent.get(consumer, {}) if content else {}
        key = content.digest_key if content else ""
        return Pending(
            new=tuple(sorted(set(wanted) - set(sent))),
            changed=tuple(
                sorted(
                    name
                    for name, secret in wanted.items()
                    if name in sent and sent[name].digest != _digest(key, consumer, name, secret)
                )
            ),
            gone=tuple(sorted(set(sent) - set(wanted))),
        )

    def _update(self, change: Callable[[_Content], bool], *, keep_previous: bool = True) -> None:
        """Apply `change` under the writers' lock; it tells whether there is anything to write."""
        with self.file.writing():
            content = self._read(fresh=True) or _Content(target=self.target, digest_key=randomness.token_hex(32))
            if change(content):
                self.file.write(_encode(content), keep_previous=keep_previous)

    def _read(self, *, fresh: bool = False) -> _Content | None:
        """The content, or None where there is no file.

        It is shared between readers until the file changes; `fresh` gives one of its own, to be changed.
        """
        raw = self.file.read()
        if raw is None:
            return None
        with self._guard:
            if not fresh and self._seen is not None and self._seen[0] == raw:
                return self._seen[1]
        content = self._decode(raw, self.path)
        for record in content.secrets.values():
            Secret(record.value)  # known to the redactor from here on, asked for or not
        if not fresh:
            with self._guard:
                self._seen = (raw, content)
        return content

    def _decode(self, raw: bytes, path: Path) -> _Content:
        # msgspec's errors, unlike the standard library's, do not carry the document.
        try:
            data: Any = msgspec.json.decode(raw)
            version = data.get("version") if isinstance(data, dict) else None
            if isinstance(version, int) and version != VERSION:
                raise RunbookError(
                    "VAULT-004",
                    f"{path} is a vault of version {version}; this runbook knows version {VERSION}",
                    why="another version of the runbook wrote it",
                    next="use that version of the runbook",
                )
            content = convert(data, _Content)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._broken(path, _without_values(str(error))) from None
        if content.target != self.target:
            raise RunbookError(
                "VAULT-005",
                f"{path} is the vault of target '{content.target}', not of '{self.target}'",
                why="a rehearsal never uses production's secrets, nor production a rehearsal's",
                next="check stack.vault and --target",
            )
        return content

    def _broken(self, path: Path, reason: str) -> RunbookError:
        what, why = f"{path} is not a vault: {reason}", "it was edited or damaged"
        if path == self.previous:
            return RunbookError("VAULT-003", what, why=f"{why}; the vault itself is sound", next=f"rm {path}")
        if self.previous.exists():
            why += f"; the version before is {self.previous}"
            return RunbookError("VAULT-003", what, why=why, next=f"cp -p {self.previous} {path}")
        return RunbookError("VAULT-003", what, why=why, next="restore it from your backup")


def _without_values(message: str) -> str:
    """Cut what an error could quote of the file's content (`Invalid enum value '…'`)."""
    return re.sub(r"'[^']*'", "'…'", message)


def _digest(key: str, consumer: str, name: str, secret: Secret) -> str:
    text = "\0".join((consumer, name, secret.reveal()))
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def _encode(content: _Content) -> str:
    raw = encode(content)
    return msgspec.json.format(raw, indent=2).decode() + "\n"


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
