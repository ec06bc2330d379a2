"""How the committed data is read: JSON Lines, one definition a line, decoded straight into the typed rows."""

from __future__ import annotations

import gc
from importlib.resources import files
from typing import TypeVar

import msgspec

Row = TypeVar("Row")


def read_rows(file_name: str, row_type: type[Row]) -> tuple[Row, ...]:
    """Return every definition of one file of ``conformance/data``, in the order of the file."""
    raw = files("conformance").joinpath("data", file_name).read_bytes()
    decoder = msgspec.json.Decoder(row_type)
    collecting = gc.isenabled()
    # Thousands of rows that stay for good: a collection in between would only walk over them.
    gc.disable()
    try:
        return tuple(decoder.decode_lines(raw))
    finally:
        if collecting:
            gc.enable()
