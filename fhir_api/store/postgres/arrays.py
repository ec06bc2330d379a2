"""Arrays in PostgreSQL's binary form, made here.

The driver looks at every element of a list; a write has fifty arrays, most of them empty, and paid three times as much
for handing them over as for the whole rest of the call. So the functions of the schema take domains over arrays, which
the driver passes through as bytes.

Form: https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/arrayfuncs.c (``array_recv``)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from struct import Struct
from typing import Any, Self

from stanforis.storage.connection import Connection

DOMAINS = ("smallints", "integers", "bigints", "doubles", "texts", "byteas")
"""Domains of the schema ``fhir``, each over arrays of one type."""

_HEADER = Struct(">iiIii")
_LENGTH = Struct(">i")
_NULL = _LENGTH.pack(-1)

Pack = Callable[[Sequence[Any]], bytes]


async def pass_arrays_through(connection: Connection) -> None:
    """Make *connection* take the values of the domains as bytes."""
    for name in DOMAINS:
        await connection.set_builtin_type_codec(name, schema="fhir", codec_name="bytea")


def _fixed(code: str, size: int, element_type: int) -> Pack:
    empty = _HEADER.pack(0, 0, element_type, 0, 1)[:12]

    @lru_cache(maxsize=512)
    def layout(count: int) -> Struct:
        return Struct(">" + f"i{code}" * count)

    def pack(values: Sequence[Any]) -> bytes:
        count = len(values)
        if not count:
            return empty
        # each element is its size and then itself
        interleaved = [size] * (2 * count)
        interleaved[1::2] = values
        return _HEADER.pack(1, 0, element_type, count, 1) + layout(count).pack(*interleaved)

    return pack


def _varying(element_type: int, encode: Callable[[Any], bytes]) -> Pack:
    empty = _HEADER.pack(0, 0, element_type, 0, 1)[:12]
    length = _LENGTH.pack

    def pack(values: Sequence[Any]) -> bytes:
        if not values:
            return empty
        parts = []
        has_null = 0
        for value in values:
            if value is None:
                parts.append(_NULL)
                has_null = 1
            else:
                content = encode(value)
                parts.append(length(len(content)))
                parts.append(content)
        return _HEADER.pack(1, has_null, element_type, len(values), 1) + b"".join(parts)

    return pack


smallints = _fixed("h", 2, 21)
integers = _fixed("i", 4, 23)
bigints = _fixed("q", 8, 20)
doubles = _fixed("d", 8, 701)
texts = _varying(25, str.encode)
byteas = _varying(17, bytes)


class PackedBigints(bytes):
    """A list of numbers in binary form, for an argument of the domain ``fhir.bigints``.

    Attributes:
        numbers: what it was made of.
    """

    numbers: Sequence[int]

    def __new__(cls, numbers: Sequence[int]) -> Self:
        """Pack *numbers*."""
        packed = super().__new__(cls, bigints(numbers))
        packed.numbers = numbers
        return packed
