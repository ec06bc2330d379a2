"""Bodies as they lie in the database: zstd frames under a shared dictionary.

A frame names its dictionary, so later dictionaries can join without touching what is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.resources import files

import zstandard

_LEVEL = 3


@cache
def _dictionary() -> zstandard.ZstdCompressionDict:
    content = files(__package__).joinpath("dictionary-1.zstd").read_bytes()
    dictionary = zstandard.ZstdCompressionDict(content)
    dictionary.precompute_compress(level=_LEVEL)
    return dictionary


@cache
def _compressor() -> zstandard.ZstdCompressor:
    return zstandard.ZstdCompressor(level=_LEVEL, dict_data=_dictionary(), write_checksum=False)


@cache
def unpacking() -> Callable[[bytes], bytes]:
    """Return what :func:`unpack` does to bodies that are not empty, for whoever has many."""
    return zstandard.ZstdDecompressor(dict_data=_dictionary()).decompress


def pack(body: bytes) -> bytes:
    """Return *body* compressed; a deletion's empty body stays empty."""
    return _compressor().compress(body) if body else b""


def unpack(packed: bytes) -> bytes:
    """Return the body that :func:`pack` was given."""
    return unpacking()(packed) if packed else b""
