"""Parsing JSON of many megabytes in steps.

`json.loads` holds the interpreter from its first byte to its last, in a thread too, and with it the event loop: tenths
of a second for each ten megabytes. Answers can be that long (2,048 embeddings are 70 MB), so they are taken apart
here: between two values others come in.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

LARGE = 512 * 1024
"""Bytes from which on it is worth it; read at once they take up to 20 ms."""
STEP = 256 * 1024
"""Bytes that are decoded at a time."""
INNER = 8
"""How much more work a list or an object is than a number."""
LEVELS = 7
"""Of lists and objects of an answer: down to the tokens of log probabilities, in either API and in an event of it."""
_SPACE = re.compile(r"[ \t\n\r]*")
_PLAIN = json.JSONDecoder()


class TooMany(ValueError):
    """There are more values than are wanted."""


def _same(value: Any) -> Any:
    return value


def loads(
    raw: bytes,
    levels: int,
    each: Callable[[Any], Any] = _same,
    *,
    most: int | None = None,
    decoder: json.JSONDecoder = _PLAIN,
) -> Any:
    """Parse a JSON value in steps, between which other threads get their turn.

    Args:
        raw: UTF-8.
        levels: number of levels of lists and objects to take apart; what lies deeper is read at once. One level too
            many of a list of numbers takes ten times as long.
        each: makes of a value that was read at once what is kept in its place. A million numbers take less room in
            another form, and are a tenth of a second to give up in this one.
        most: how many values may be read in steps; a list or an object counts as `INNER`.
        decoder: reads values at once.

    Raises:
        TooMany: there are more than `most`.
        ValueError: it is no JSON.
        RecursionError: it is nested too deep.
    """
    reader = _Reader(raw, decoder, each, INNER * len(raw) if most is None else most)
    value = reader.value(levels)
    reader.end()
    return value


def answer(raw: bytes) -> Any:
    """An answer, or an event of one.

    A long one is read without its log probabilities, ten times as long as all else: they are the client's alone.
    Errors as `loads`.
    """
    return json.loads(raw) if len(raw) < LARGE else loads(raw, LEVELS, _without_probabilities)


def _without_probabilities(value: Any) -> Any:
    return None if isinstance(value, dict) and "logprob" in value else value


class _Reader:
    """Reads a text from its beginning, of which some is decoded at a time: what is read next begins at `at` of it."""

    def __init__(self, raw: bytes, json_decoder: json.JSONDecoder, each: Callable[[Any], Any], most: int) -> None:
        self._raw, self._taken, self._read, self._each, self._left = raw, 0, json_decoder.raw_decode, each, most
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text, self._at = "", 0
        self._go(0)

    def value(self, levels: int) -> Any:
        """The next value."""
        inner = self._text.startswith(("[", "{"), self._at)
        self._left -= INNER if inner else 1
        if self._left < 0:
            raise TooMany
        if levels and self._skip("["):
            return [self.value(levels - 1) for _ in self._until("]")]
        if levels and self._skip("{"):
            return {self._name(): self.value(levels - 1) for _ in self._until("}")}
        return self._each(self._at_once())

    def end(self) -> None:
        """Nothing may come now."""
        if self._at != len(self._text):
            raise self._wrong("Extra data")

    def _name(self) -> str:
        name = self._at_once()
        if not isinstance(name, str) or not self._skip(":"):
            raise self._wrong("Expecting a name and ':'")
        return name

    def _at_once(self) -> Any:
        more = STEP
        while True:
            try:
                value, end = self._read(self._text, self._at)
            except json.JSONDecodeError:
                if self._all_taken:
                    raise
            else:
                if end + len("e+") < len(self._text) or self._all_taken:  # Else the rest of a number may still come.
                    self._go(end)
                    return value
            self._take(more)
            more *= 2

    def _until(self, closing: str) -> Iterator[None]:
        """Once for each item of a list or an object, whose opening bracket has been read."""
        if self._skip(closing):
            return
        yield
        while not self._skip(closing):
            if not self._skip(","):
                raise self._wrong("Expecting ','")
            yield

    def _skip(self, mark: str) -> bool:
        if not self._text.startswith(mark, self._at):
            return False
        self._go(self._at + 1)
        return True

    def _go(self, at: int) -> None:
        """To the next place that is no white space."""
        while True:
            found = _SPACE.match(self._text, at)
            self._at = at = found.end() if found else at
            if at < len(self._text) or self._all_taken:
                return
            self._take(STEP)
            at = self._at

    @property
    def _all_taken(self) -> bool:
        return self._taken >= len(self._raw)

    def _take(self, size: int) -> None:
        piece = self._raw[self._taken : self._taken + size]
        self._taken += size
        self._text = self._text[self._at :] + self._decoder.decode(piece, final=self._all_taken)
        self._at = 0

    def _wrong(self, words: str) -> json.JSONDecodeError:
        return json.JSONDecodeError(words, self._text, self._at)
