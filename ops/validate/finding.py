"""What a validation found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing wrong, or worth knowing, in one file.

    Attributes:
        file: relative to the stack's folder.
        text: what it is, with the line where the tool names one.
        warning: it works as it is; production should not stay so.
    """

    file: str
    text: str
    warning: bool = False

    def __str__(self) -> str:
        return f"{self.file}: {self.text}"
