"""JSON read and written so that decimals keep their digits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def read(text: bytes | msgspec.Raw) -> Any:
    """Return the tree of valid JSON; numbers with a point or an exponent are Decimals."""
    return _DECODER.decode(text)


def written(tree: Any) -> bytes:
    """Return a tree as compact JSON.

    Raises:
        RecursionError: it nests deeper than can be written.
    """
    return _ENCODER.encode(tree)
