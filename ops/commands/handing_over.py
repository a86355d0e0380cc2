"""Commands that need the developers' packages run in the developers' environment."""

from __future__ import annotations

from invoke import Exit


def handed_over(*words: str) -> bool:
    """Whether `inv WORDS` has been run in the developers' environment, because this is another.

    Raises:
        Exit: it failed there.
    """
    from ops.development import environment

    if environment.is_ours():
        return False
    if code := environment.run(*words):
        raise Exit(code=code)
    return True
