"""Commands that change production ask first, with the sentence that they say under --dry."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ops.commands.dry import Says


def asks_first(function: Callable[..., None], says: Says) -> Callable[..., None]:
    """The command's body, which on production goes on only once somebody has said yes.

    Args:
        function: a body with the options `target` and `yes`.
        says: what it would do.

    Raises:
        RunbookError: CLI-011 nobody said yes; nothing was done.
    """

    @functools.wraps(function)
    def asked(*arguments: Any, yes: bool = False, **options: Any) -> None:
        from ops.session.consent import confirm
        from ops.session.opening import open_deployment

        if open_deployment(options.get("target", "")).target.production:
            confirm(says.form(**options), yes)
        function(*arguments, yes=yes, **options)

    return asked
