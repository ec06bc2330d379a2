"""Reading JSON that anybody may have sent."""

from __future__ import annotations

from typing import TypeVar

import msgspec

Kind = TypeVar("Kind")


class UnreadableError(ValueError):
    """It is no JSON of the kind that was expected, or nests too deeply."""


def read_json(content: bytes | str, kind: type[Kind]) -> Kind:
    """Return *content* as a *kind*.

    Raises:
        UnreadableError: it cannot be.
    """
    try:
        return msgspec.json.decode(content, type=kind)
    # members that *kind* does not know are passed over, but each level of them takes the parser one deeper
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UnreadableError from None
