"""What the two APIs have in common when an answer is read: whole, or event by event."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Protocol

from ..upstream.errors import UpstreamError
from .offload import offload


class Transcript(Protocol):
    """A streamed answer as far as it has come."""

    @property
    def answer(self) -> dict[str, Any] | None:
        """The whole answer that the stream amounts to; None until it is known, or if a cache could not keep it."""
        ...

    @property
    def usage(self) -> Mapping[str, Any] | None:
        """Tokens by the provider's account, in the chat API's names; None until it has said."""
        ...

    @property
    def spoken(self) -> bool:
        """Whether something has come that a client would see."""
        ...

    def add(self, event: bytes) -> bytes | None:
        """Take in an event; return what goes on to the client, None if nothing does.

        Raises:
            UpstreamError: the event is the provider's own error, or no event of this API.
        """

    def close(self) -> bytes:
        """The stream has ended: what closes it for the client. Raises UpstreamError if the answer is not whole."""

    def text(self) -> str:
        """All that was said so far, for counting."""

    def made(self) -> list[tuple[str, str]]:
        """Kinds and ids of what the provider keeps of this answer, as far as known."""

    def failure(self, error: UpstreamError) -> bytes:
        """The event that tells the client that the stream ends here, and why."""


class AnswerKind(Protocol):
    """How the answers of one of the two APIs are read."""

    def transcript(self, *, include_usage: bool) -> Transcript:
        """A transcript of a stream that has not begun; `include_usage`: the client asked for the usage chunk."""
        ...

    def problem(self, answer: Mapping[str, Any], *, background: bool) -> str | None:
        """Why a whole answer is none; None if it is one."""

    def usage(self, answer: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Tokens by the provider's account, in the chat API's names."""

    def text(self, answer: Mapping[str, Any]) -> str:
        """All that was said, for counting."""

    def keepable(self, answer: Mapping[str, Any]) -> bool:
        """Whether it may be kept and shown again: ended by itself, text, no tool, no refusal."""

    def made(self, answer: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Kinds and ids of what the provider keeps of this answer."""

    def replay(self, answer: Mapping[str, Any], *, include_usage: bool) -> Iterator[bytes]:
        """A kept answer as the events that a streaming client expects."""


async def begun(transcript: Transcript, events: AsyncIterator[bytes]) -> list[bytes]:
    """Read a stream until it says something, so that another model may be asked if it never does.

    Returns:
        What to send to the client so far.

    Raises:
        UpstreamError: it ended, or broke, before it said anything.
    """
    out: list[bytes] = []
    async for event in events:
        shown = await heard(transcript, event)
        if shown is not None:
            out.append(shown)
        if transcript.spoken:
            return out
    raise UpstreamError(502, "the provider's stream ended before it said anything", unsettled=True)


async def heard(transcript: Transcript, event: bytes) -> bytes | None:
    """Have a transcript take in an event, a long one in a thread; as its `add`."""
    return await offload(len(event), transcript.add, event)
