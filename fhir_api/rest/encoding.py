"""Content codings: compressed request bodies opened within a bound, answers compressed.

Spec: https://www.rfc-editor.org/rfc/rfc9110#section-8.4
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import lru_cache

from isal import igzip_lib, isal_zlib

from fhir_api.model.errors import ErrorKind, FhirError, refuse

SMALLEST = 1024
"""Answers below this many bytes go out as they are."""
_LEVEL = 1
_GZIP = 31
_DEFLATE = 8
_GZIP_OR_ZLIB = 47
_RAW_DEFLATE = -15


def decoded(raw: bytes, coding: str | None, limit: int) -> bytes:
    """Return a body without its ``Content-Encoding``.

    Raises:
        FhirError: UNSUPPORTED_MEDIA_TYPE for an unknown coding; TOO_LARGE if it opens to more than *limit* bytes;
            MALFORMED if it is damaged.
    """
    match (coding or "identity").lower():
        case "identity" | "":
            return raw
        case "gzip" | "x-gzip":
            return _inflated(raw, _GZIP, limit)
        case "deflate":
            # RFC 9110 means the zlib format; some clients send bare deflate.
            is_zlib = int.from_bytes(raw[:1], "big") & 0x0F == _DEFLATE and int.from_bytes(raw[:2], "big") % 31 == 0
            return _inflated(raw, _GZIP_OR_ZLIB if is_zlib else _RAW_DEFLATE, limit)
        case _:
            raise refuse(ErrorKind.UNSUPPORTED_MEDIA_TYPE, "Content-Encoding has to be gzip, deflate or identity.")


@lru_cache(maxsize=512)
def takes_gzip(accept_encoding: bytes | None) -> bool:
    """Tell whether ``Accept-Encoding`` lets gzip through."""
    if accept_encoding is None or (b"gzip" not in accept_encoding and b"*" not in accept_encoding):
        return False
    for coding in accept_encoding.lower().split(b","):
        name, _, quality = coding.partition(b";")
        if name.strip() in (b"gzip", b"x-gzip"):
            return quality.replace(b" ", b"").rstrip(b"0.") != b"q="
    return False


def gzipped(body: bytes) -> bytes:
    """Return *body* compressed."""
    return bytes(isal_zlib.compress(body, _LEVEL, _GZIP))


async def gzipped_parts(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Give a streamed body compressed."""
    compressor = isal_zlib.compressobj(_LEVEL, wbits=_GZIP)
    async for part in parts:
        squeezed = compressor.compress(part)
        if squeezed:
            yield squeezed
    yield compressor.flush()


def too_large(limit: int) -> FhirError:
    """Make the error of a body over *limit* bytes."""
    return refuse(ErrorKind.TOO_LARGE, f"The body is larger than {limit} bytes.")


def _inflated(raw: bytes, window: int, limit: int) -> bytes:
    opener = isal_zlib.decompressobj(wbits=window)
    try:
        body = opener.decompress(raw, limit + 1)
    except igzip_lib.IsalError:  # type: ignore[misc] # its stub declares an instance, not the class
        raise refuse(ErrorKind.MALFORMED, "The body does not follow its Content-Encoding.") from None
    if len(body) > limit:
        raise too_large(limit)
    if not opener.eof or opener.unused_data:
        raise refuse(ErrorKind.MALFORMED, "The compressed body is cut short, or something follows it.")
    return bytes(body)
