"""Bodies as they lie in the database: zstd frames under a shared dictionary.

A frame names its dictionary, so later dictionaries can join without touching what is stored. The frames of a tenant
that has a key are sealed with it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Final

import zstandard
from stanforis.tenancy.keys import SEALED, Keys

KEYS: Final = Keys()
"""The keys that this process knows, whichever stores it has open: a sealed frame names its key."""
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
    decompress, unsealed = zstandard.ZstdDecompressor(dict_data=_dictionary()).decompress, KEYS.open

    def unpacked(packed: bytes) -> bytes:
        return decompress(packed if packed[0] != SEALED else unsealed(packed))

    return unpacked


def pack(body: bytes, tenant: int) -> bytes:
    """Return *body* compressed, and sealed where *tenant* has a key; a deletion's empty body stays empty."""
    return KEYS.seal(tenant, _compressor().compress(body)) if body else b""


def unpack(packed: bytes) -> bytes:
    """Return the body that :func:`pack` was given."""
    return unpacking()(packed) if packed else b""
