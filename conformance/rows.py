"""How the committed data is read: JSON Lines, one definition a line, decoded straight into typed rows."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

_DATA = Path(__file__).parent / "data"

Row = TypeVar("Row")


def read_rows(file_name: str, row_type: type[Row]) -> tuple[Row, ...]:
    """Return every definition of one file of ``conformance/data``, in the order of the file."""
    return tuple(msgspec.json.Decoder(row_type).decode_lines((_DATA / file_name).read_bytes()))
