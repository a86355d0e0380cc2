"""The vault file: JSON, private to its owner, written whole or not at all, the previous version kept.

The file holds, per secret, its value, how it came and when; per consumer, a keyed digest of each value
last sent to it, so that drift is seen without reading a secret back; and the name of its target, so that
a rehearsal can never open production's vault, nor the other way round.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import hmac
import os
import re
import secrets as randomness
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from ops.runbook import interrupt
from ops.runbook.errors import RunbookError
from ops.runbook.files import write_atomic
from ops.runbook.secret import Secret

VERSION = 1
LOCK_TIMEOUT = 10.0  # seconds; a writer holds the lock for milliseconds

Origin = Literal["generated", "given", "provisioned"]

_NAME = re.compile(r"[A-Z][A-Z0-9_]*")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


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
        self._seen: tuple[tuple[int, ...], _Content] | None = None
        self._guard = threading.Lock()

    @property
    def previous(self) -> Path:
        """The version before the last change of a secret."""
        return self.path.with_name(f"{self.path.name}.previous")

    @property
    def exists(self) -> bool:
        """Whether the vault file is there (nothing is said about its soundness)."""
        return os.path.lexists(self.path)

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

    def put(self, values: Mapping[str, Secret], *, origin: Origin) -> None:
        """Store secrets, all in one write; values that are there already are not written again.

        Raises:
            RunbookError: VAULT-007 disk full, VAULT-008 not writable, VAULT-009 another writer holds it.
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
                    if name in sent and not hmac.compare_digest(sent[name].digest, _digest(key, consumer, name, secret))
                )
            ),
            gone=tuple(sorted(set(sent) - set(wanted))),
        )

    def sent_at(self) -> dict[str, dict[str, datetime]]:
        """When each consumer got each of its values: consumer → environment name → UTC time."""
        content = self._read()
        if content is None:
            return {}
        return {consumer: {name: sent.at for name, sent in names.items()} for consumer, names in content.sent.items()}

    def _update(self, change: Callable[[_Content], bool], *, keep_previous: bool = True) -> None:
        """Apply `change` under the writers' lock; it tells whether there is anything to write."""
        with self._writing():
            current = self._read(fresh=True)
            content = current or _Content(target=self.target, digest_key=randomness.token_hex(32))
            if not change(content):
                return
            self._sweep()
            try:
                if current is not None and keep_previous:
                    self._keep_previous()
                write_atomic(self.path, _encode(content), 0o600)
            except OSError as error:
                raise self._write_error(error) from None
            finally:
                with self._guard:
                    self._seen = None

    def _keep_previous(self) -> None:
        # A second name for the present file, so that `path` itself is never missing. A killed writer may have
        # left it with that name already, and renaming one name of a file over another does nothing.
        if os.path.lexists(self.previous) and os.path.samestat(self.previous.lstat(), self.path.lstat()):
            return
        spare = self.path.with_name(f".{self.path.name}.previous")
        os.link(self.path, spare)
        os.replace(spare, self.previous)

    def _sweep(self) -> None:
        """Remove what a killed writer left: it holds secrets."""
        for leftover in self.path.parent.glob(f".{self.path.name}.*"):
            leftover.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            _make_private(self.path.parent)
        except OSError as error:
            raise self._write_error(error) from None
        self._check_folder()
        try:
            lock = os.open(
                self.path.with_name(f"{self.path.name}.lock"),
                os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC,
                0o600,
            )
        except OSError as error:
            raise self._write_error(error) from None
        try:
            start = time.monotonic()
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() - start > LOCK_TIMEOUT:
                        raise RunbookError(
                            "VAULT-009",
                            f"{self.path} is being written by another program",
                            why=f"its lock was not free within {LOCK_TIMEOUT:.0f} s",
                            next="let the other run end, then type the command again",
                        ) from None
                    interrupt.sleep(0.02)
            yield
        finally:
            os.close(lock)

    def _read(self, *, fresh: bool = False) -> _Content | None:
        """The content, or None where there is no file. Checks permissions first, every time.

        The result is shared between readers until the file changes; `fresh` gives one of its own.
        """
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EMLINK):
                raise _not_private(self.path, "is a symbolic link", "put the file itself there") from None
            raise RunbookError(
                "VAULT-008", f"{self.path} cannot be read: {error.strerror}", next=f"ls -l {self.path}"
            ) from None
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            self._check_file(status)
            self._check_folder()
            stamp = (status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size)
            with self._guard:
                if not fresh and self._seen is not None and self._seen[0] == stamp:
                    return self._seen[1]
            content = self._decode(file.read())
        for record in content.secrets.values():
            Secret(record.value)  # known to the redactor from here on, asked for or not
        if not fresh:
            with self._guard:
                self._seen = (stamp, content)
        return content

    def _check_file(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise _not_private(self.path, "is not a regular file", "move it away")
        if status.st_uid != os.geteuid():
            raise _not_private(self.path, "belongs to another user", f"sudo chown $(id -u) {self.path}")
        if status.st_mode & 0o077:
            raise _not_private(self.path, f"has mode {status.st_mode & 0o777:04o}", f"chmod 600 {self.path}")

    def _check_folder(self) -> None:
        folder = self.path.parent
        status = folder.lstat()
        if stat.S_ISLNK(status.st_mode):
            raise _not_private(folder, "is a symbolic link", "give the real folder's path as stack.vault")
        if status.st_uid != os.geteuid():
            raise _not_private(folder, "belongs to another user", f"sudo chown $(id -u) {folder}")
        if status.st_mode & 0o077:
            raise _not_private(folder, f"has mode {status.st_mode & 0o777:04o}", f"chmod 700 {folder}")

    def _decode(self, raw: bytes) -> _Content:
        # msgspec's errors, unlike the standard library's, do not carry the document.
        try:
            data: Any = msgspec.json.decode(raw)
            version = data.get("version") if isinstance(data, dict) else None
            if isinstance(version, int) and version != VERSION:
                raise RunbookError(
                    "VAULT-004",
                    f"{self.path} is a vault of version {version}; this runbook knows version {VERSION}",
                    why="another version of the runbook wrote it",
                    next="use that version of the runbook",
                )
            content = msgspec.convert(data, _Content)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            reason = _without_values(str(error))
            aside = f"; the version before is {self.previous}" if self.previous.exists() else ""
            raise RunbookError(
                "VAULT-003",
                f"{self.path} is not a vault: {reason}",
                why=f"it was edited or damaged{aside}",
                next=f"cp -p {self.previous} {self.path}" if aside else "restore it from your backup",
            ) from None
        if content.target != self.target:
            raise RunbookError(
                "VAULT-005",
                f"{self.path} is the vault of target '{content.target}', not of '{self.target}'",
                why="a rehearsal never uses production's secrets, nor production a rehearsal's",
                next="check stack.vault and --target",
            )
        return content

    def _write_error(self, error: OSError) -> RunbookError:
        if error.errno in _FULL:
            return RunbookError(
                "VAULT-007",
                f"the disk is full: {self.path} could not be written",
                why="the vault is as it was before; nothing was half-written",
                next=f"df -h {self.path.parent}",
            )
        return RunbookError(
            "VAULT-008",
            f"{self.path} cannot be written: {error.strerror}",
            why="the vault is as it was before",
            next=f"ls -ld {self.path.parent}",
        )


def _make_private(folder: Path) -> None:
    """Make `folder` and its missing parents, each open to its owner only."""
    missing = [part for part in (folder, *folder.parents) if not part.exists()]
    for part in reversed(missing):
        with contextlib.suppress(FileExistsError):
            part.mkdir(mode=0o700)


def _not_private(path: Path, what: str, next: str) -> RunbookError:
    return RunbookError(
        "VAULT-002",
        f"{path} {what}",
        why="secrets must be readable by their owner only, at a path that cannot be swapped",
        next=next,
    )


def _without_values(message: str) -> str:
    """Cut what an error could quote of the file's content (`Invalid enum value '…'`)."""
    return re.sub(r"'[^']*'", "'…'", message)


def _digest(key: str, consumer: str, name: str, secret: Secret) -> str:
    text = "\0".join((consumer, name, secret.reveal()))
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def _encode(content: _Content) -> str:
    raw = msgspec.json.encode(content, order="sorted")
    return msgspec.json.format(raw, indent=2).decode() + "\n"


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
