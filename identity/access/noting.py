"""Telling whoever keeps an audit trail of sign-ins and tokens, refused ones too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple


class Noted(NamedTuple):
    """Something that happened.

    Attributes:
        interaction: ``login | token``.
        is_granted: whether it was not refused.
        subject: keyed hash of the person, or of the name that somebody tried to sign in with.
        client: id of the client.
        address: where it came from; empty where that is not known.
    """

    interaction: str
    is_granted: bool
    subject: str = ""
    client: str = ""
    address: str = ""


Note = Callable[[int, Noted], Awaitable[None]]
"""Takes note of what happened in a tenant: ``note(tenant, noted)``."""


async def note_nothing(tenant: int, noted: Noted) -> None:
    """Take no note."""
    del tenant, noted
