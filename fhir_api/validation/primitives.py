"""The formats of the primitive types.

Spec: https://hl7.org/fhir/R4/datatypes.html#primitive
"""

from __future__ import annotations

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from calendar import monthrange
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, NamedTuple, TypeAlias

from fhir_api.validation.narrative import is_narrative, objection

Json: TypeAlias = Any
"""A parsed JSON value of any kind."""
MAX_STRING = 1024 * 1024
"""The greatest number of characters of a string."""

_YEAR = r"(?:[1-9][0-9]{3}|0(?!000)[0-9]{3})"
_DAY = rf"{_YEAR}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_PARTIAL = rf"{_YEAR}(?:-(?:0[1-9]|1[0-2]))?"

_DATE = re.compile(rf"{_DAY}|{_PARTIAL}")
_DATE_TIME = re.compile(rf"{_DAY}(?:T{_CLOCK}{_ZONE})?|{_PARTIAL}")
_INSTANT = re.compile(rf"{_DAY}T{_CLOCK}{_ZONE}")
# All but C0 controls; the specification's own pattern would refuse a no-break space in some dialects of regex.
_TEXT = re.compile(r"[^\x00-\x08\x0b\x0c\x0e-\x1f]+")


class Format(NamedTuple):
    """What the value of a primitive may be.

    Attributes:
        name: the primitive type.
        accepts: tells by a true or false result whether a JSON value is one; raises TypeError for a value of another
            kind, so that a pattern's own function can be used.
        expected: the format in words, for a person.
        recurs: whether values come again and again, so that remembering good ones saves time.
        objection: says what is wrong with one value, where *expected* is too little.
    """

    name: str
    accepts: Callable[[Json], Any]
    expected: str
    recurs: bool = False
    objection: Callable[[Json], str | None] | None = None

    @property
    def json_types(self) -> tuple[type, ...]:
        """The kinds of JSON value that are worth a look: ``(str,)``, ``(int, float)``."""
        return _JSON_TYPES.get(self.name, (str,))

    def is_met_by(self, value: Json) -> bool:
        """Tell whether a JSON value is one; never raises."""
        return type(value) in self.json_types and bool(self.accepts(value))


_JSON_TYPES: Mapping[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "decimal": (int, float),
    "integer": (int, float),
    "positiveInt": (int, float),
    "unsignedInt": (int, float),
}


def _matching(pattern: str) -> Callable[[Json], Any]:
    return re.compile(pattern).fullmatch


def _within(low: int, high: int) -> Callable[[Json], bool]:
    # JSON's true is a Python int, and 1.0 is a float: neither is an integer of FHIR
    return lambda value: type(value) is int and low <= value <= high


def _calendar(pattern: re.Pattern[str]) -> Callable[[Json], bool]:
    matches = pattern.fullmatch
    return lambda value: matches(value) is not None and _day_exists(value)


def _day_exists(text: str) -> bool:
    day = text[8:10]
    return day <= "28" or int(day) <= monthrange(int(text[:4]), int(text[5:7]))[1]


def _is_text(value: Json) -> bool:
    # isprintable is far quicker than the pattern, and true for nearly all texts
    return (
        type(value) is str
        and 0 < len(value) <= MAX_STRING
        and (value.isprintable() or _TEXT.fullmatch(value) is not None)
    )


def _is_boolean(value: Json) -> bool:
    return value is True or value is False


def _is_decimal(value: Json) -> bool:
    return type(value) is int or (type(value) is float and isfinite(value))


def _is_base64(value: Json) -> bool:
    if type(value) is not str or not value:
        return False
    try:
        return bool(a2b_base64(value, strict_mode=True))
    except (Base64Error, ValueError):
        # white space is allowed, but the strict decoder knows none
        unbroken = "".join(value.split())
        return unbroken != value and _is_base64(unbroken)


_WITHOUT_SPACE = _matching(r"[^\s\x00-\x1f\x7f]+")

FORMATS: Mapping[str, Format] = {
    each.name: each
    for each in (
        Format("base64Binary", _is_base64, "base64 text"),
        Format("boolean", _is_boolean, "true or false"),
        Format("canonical", _WITHOUT_SPACE, "a canonical URL without white space", recurs=True),
        Format(
            "code",
            _matching(r"[^\s\x00-\x1f\x7f]+(?: [^\s\x00-\x1f\x7f]+)*"),
            "text with no white space but single spaces inside",
            recurs=True,
        ),
        Format("date", _calendar(_DATE), "an existing day, month or year: YYYY, YYYY-MM or YYYY-MM-DD", recurs=True),
        Format(
            "dateTime",
            _calendar(_DATE_TIME),
            "YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss with a zone, on an existing day",
            recurs=True,
        ),
        Format("decimal", _is_decimal, "a JSON number"),
        Format("id", _matching(r"[A-Za-z0-9\-.]{1,64}"), "1 to 64 of the characters A-Z, a-z, 0-9, '-' and '.'"),
        Format("instant", _calendar(_INSTANT), "YYYY-MM-DDThh:mm:ss with a zone, on an existing day", recurs=True),
        Format("integer", _within(-(2**31), 2**31 - 1), "a JSON number without fraction, of 32 bits"),
        Format("markdown", _is_text, "text without control characters, not empty, at most 1 MB"),
        Format("oid", _matching(r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+"), "urn:oid: and an OID", recurs=True),
        Format("positiveInt", _within(1, 2**31 - 1), "a JSON number without fraction, 1 or more, of 32 bits"),
        # most strings are displays and units of codes
        Format("string", _is_text, "text without control characters, not empty, at most 1 MB", recurs=True),
        Format("time", _matching(_CLOCK), "hh:mm:ss"),
        Format("unsignedInt", _within(0, 2**31 - 1), "a JSON number without fraction, 0 or more, of 32 bits"),
        Format("uri", _WITHOUT_SPACE, "a URI without white space", recurs=True),
        Format("url", _WITHOUT_SPACE, "a URL without white space", recurs=True),
        Format(
            "uuid",
            _matching(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
            "urn:uuid: and a UUID in lower case",
        ),
        Format("xhtml", is_narrative, "an XHTML div with content, without active parts", objection=objection),
    )
}
"""The format of each primitive type, by its name."""

ELEMENT_ID = Format(
    "element id", _matching(rf"[^\s\x00-\x1f\x7f]{{1,{MAX_STRING}}}"), "text without white space, of at most 1 MB"
)
"""The format of an element's id, which the definitions call a string."""
