"""Holding a rollback: the image it put back counts as wanted until the hold is lifted or another image is deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ops.runbook.journal import now
from ops.targets.fly.image import Image

if TYPE_CHECKING:
    from ops.targets.fly.memory import Memory
    from ops.targets.fly.wanted import Wanted

SECTION = "hold"
LIFT = "inv deploy.all --release"


def keep(memory: Memory, wanted: Wanted, image: str) -> None:
    """Hold `image` for as long as the one wanted now is the one wanted."""
    if wanted.image.wanted == Image(wanted.app, given=image).wanted:
        memory.forget(SECTION, wanted.app)
    else:
        memory.put(SECTION, wanted.app, {"image": image, "instead_of": wanted.image.wanted, "at": now()})


def lift(memory: Memory, app: str) -> str:
    """Let the next deploy go forward again; the image that was held, or empty."""
    image = str(memory.get(SECTION, app).get("image", ""))
    memory.forget(SECTION, app)
    return image


def heeded(memory: Memory, wanted: Wanted) -> tuple[Wanted, str]:
    """What is wanted with the hold on it heeded, and a line that names the hold (empty: there is none)."""
    hold = memory.get(SECTION, wanted.app)
    if not hold or hold.get("instead_of") != wanted.image.wanted:
        return wanted, ""
    image = Image(wanted.app, given=str(hold["image"]))
    said = f"held at {image.wanted} by the rollback of {hold.get('at')}, not {wanted.image.wanted}; go forward: {LIFT}"
    return msgspec.structs.replace(wanted, image=image), said
