"""Which characters the bytes of a message are.

Whatever the bytes, they are read: what is not valid in the declared character set is read as windows-1252, in which the
five bytes it leaves open stand for the control characters of the same number. That is said of the message, and bytes
come back as they were.

Spec: HL7 v2.8.2 chapter 2, 2.14.9.18 (MSH-18), table 0211.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

_FALLBACK = "cp1252"
_KEEP = "stanforis-hl7-keep"
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Those of UTF-32 come first: one of them begins like one of UTF-16."""

_WITHOUT_BOM = {b"M\0": "utf-16-le", b"\0M": "utf-16-be"}
"""How MSH begins in UTF-16."""

_ISO_8859 = {f"8859{part}": f"iso8859-{part}" for part in (*range(1, 12), 13, 14, 15, 16)}
_LABELS = {
    "ASCII": "ascii",
    "USASCII": "ascii",
    "ISOIR6": "ascii",
    "ISOIR100": "iso8859-1",
    "ISOIR101": "iso8859-2",
    "ISOIR144": "iso8859-5",
    "ISOIR13": "shift_jis",
    "ISOIR14": "shift_jis",
    "ISOIR87": "iso2022_jp_2",
    "ISOIR159": "iso2022_jp_2",
    "SHIFTJIS": "shift_jis",
    "SJIS": "shift_jis",
    "EUCJP": "euc_jp",
    "GB180302000": "gb18030",
    "GB18030": "gb18030",
    "GBK": "gbk",
    "GB2312": "gb2312",
    "KSX1001": "euc_kr",
    "EUCKR": "euc_kr",
    "BIG5": "big5",
    "UNICODE": "utf-8",
    "UNICODEUTF8": "utf-8",
    "UTF8": "utf-8",
    "UNICODEUTF16": "utf-16",
    "UTF16": "utf-16",
    "UNICODEUTF32": "utf-32",
    "UTF32": "utf-32",
    "WINDOWS1252": _FALLBACK,
    "CP1252": _FALLBACK,
    "ANSI": _FALLBACK,
    **_ISO_8859,
    **{f"ISO{label}": codec for label, codec in _ISO_8859.items()},
    **{f"{prefix}{page}": f"cp{page}" for prefix in ("WINDOWS", "CP") for page in (1250, 1251, 1253, 1254, 1256)},
}
"""Labels of table 0211 and what senders write instead, without spaces and signs, and Python's codec.

CNS 11643 has none: its messages are read as windows-1252."""
_JAPANESE = {"ISOIR87", "ISOIR159"}
_WIDE = ("utf-16", "utf-32")
"""Codecs whose ASCII characters take several bytes: bytes without a NUL are not theirs, whatever the label says."""


class Origin(Enum):
    """What told the character set."""

    OVERRIDE = "override"
    BOM = "byte order mark"
    MSH_18 = "MSH-18"
    DEFAULT = "default"
    FALLBACK = "fallback"


@dataclass(frozen=True, slots=True)
class Charset:
    """A character set that a message was read in.

    Attributes:
        codec: Python's name of it.
        origin: what told it; ``FALLBACK`` when the bytes or the label did not allow what was declared.
    """

    codec: str
    origin: Origin

    def encode(self, text: str) -> bytes:
        """Return the bytes of *text*.

        Raises:
            UnicodeEncodeError: the character set lacks a character.
        """
        return text.encode(self.codec, _KEEP if self.codec == _FALLBACK else "strict")

    def decode(self, raw: bytes) -> str:
        """Return the characters of *raw*, those that make no sense as U+FFFD."""
        return raw.decode(self.codec, _KEEP if self.codec == _FALLBACK else "replace")


ASCII = Charset("ascii", Origin.DEFAULT)


@lru_cache(maxsize=256)
def codec_of(label: str) -> str | None:
    """Return Python's codec of a label of table 0211 or an alias of it, or None."""
    return _LABELS.get("".join(each for each in label.upper() if each.isalnum()))


def split_bom(raw: bytes) -> tuple[bytes, str | None]:
    """Return the byte order mark that *raw* begins with, and its codec."""
    for bom, codec in _BOMS:
        if raw.startswith(bom):
            return bom, codec
    return b"", None


def decode(raw: bytes, labels: list[str], *, override: str | None, bom: str | None) -> tuple[str, Charset]:
    """Return *raw* (without its byte order mark) as characters; nothing is ever undecodable.

    Args:
        raw: a message.
        labels: the repetitions of its MSH-18.
        override: a label or codec that goes before all others.
        bom: the codec of its byte order mark.
    """
    for charset in _candidates(labels, override, bom, raw):
        try:
            return raw.decode(charset.codec), charset
        except (UnicodeDecodeError, LookupError):
            continue
    return raw.decode(_FALLBACK, _KEEP), Charset(_FALLBACK, Origin.FALLBACK)


def _candidates(labels: list[str], override: str | None, bom: str | None, raw: bytes) -> list[Charset]:
    if override:
        return [Charset(codec_of(override) or override, Origin.OVERRIDE)]
    if bom:
        return [Charset(bom, Origin.BOM)]
    if raw[:2] in _WITHOUT_BOM:
        return [Charset(_WITHOUT_BOM[raw[:2]], Origin.DEFAULT)]
    if not any(labels):
        return [ASCII, Charset("utf-8", Origin.DEFAULT)]
    codec = _declared_codec(labels)
    if codec is None or codec in _WIDE:
        return [Charset("ascii", Origin.FALLBACK), Charset("utf-8", Origin.FALLBACK)]
    return [Charset(codec, Origin.MSH_18), *([Charset("utf-8", Origin.FALLBACK)] if codec == "ascii" else [])]


def _declared_codec(labels: list[str]) -> str | None:
    """Return the codec of all repetitions: the first is the message's own, others are reached by escape sequences."""
    plain = {"".join(each for each in label.upper() if each.isalnum()) for label in labels}
    if plain & _JAPANESE:
        return "iso2022_jp_2"
    return codec_of(labels[0]) if labels[0] else "ascii"


def _keep(error: UnicodeError) -> tuple[str | bytes, int]:
    """Read a byte that windows-1252 leaves open as the control character of its number, and write it back."""
    if isinstance(error, UnicodeDecodeError):
        return error.object[error.start : error.end].decode("latin-1"), error.end
    if isinstance(error, UnicodeEncodeError):
        characters = error.object[error.start : error.end]
        if all("\x80" <= each <= "\x9f" for each in characters):
            return characters.encode("latin-1"), error.end
    raise error


codecs.register_error(_KEEP, _keep)
