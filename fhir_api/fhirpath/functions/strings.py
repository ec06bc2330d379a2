"""Strings: ``indexOf … matches … trim split join encode escape``.

Spec: https://hl7.org/fhirpath/N1/#string-manipulation, https://hl7.org/fhirpath/#additional-string-functions
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import regex

from fhir_api.fhirpath import plan as plans
from fhir_api.fhirpath.errors import FhirPathEvaluationError
from fhir_api.fhirpath.functions.registry import Call, function
from fhir_api.fhirpath.functions.scalar import INTEGER, STRING, checked, scalar
from fhir_api.fhirpath.patience import MATCH_SECONDS, within_patience
from fhir_api.fhirpath.plan import Plan, Scope, collection, single, system
from fhir_api.fhirpath.values import kind_name

_LONGEST: Final = 10_000_000
_GROWTH: Final = 256
"""A replacement may make a text of so many characters, or so many times as long as it was."""


@scalar("indexOf", STRING, plans.INTEGER, STRING)
def index_of(text: str, part: str) -> int:
    """Return the place of the first *part* from 0, -1 where there is none."""
    return text.find(part)


@scalar("lastIndexOf", STRING, plans.INTEGER, STRING)
def last_index_of(text: str, part: str) -> int:
    """Return the place of the last *part* from 0, -1 where there is none."""
    return text.rfind(part)


@scalar("substring", STRING, plans.STRING, INTEGER, INTEGER, optional=1)
def substring(text: str, start: int, length: int | None = None) -> str | None:
    """Return the part from *start*; None where *start* is outside."""
    if not 0 <= start < len(text):
        return None
    return text[start:] if length is None else text[start : start + max(length, 0)]


@scalar("startsWith", STRING, plans.BOOLEAN, STRING)
def starts_with(text: str, prefix: str) -> bool:
    """Tell whether *text* begins with *prefix*."""
    return text.startswith(prefix)


@scalar("endsWith", STRING, plans.BOOLEAN, STRING)
def ends_with(text: str, suffix: str) -> bool:
    """Tell whether *text* ends with *suffix*."""
    return text.endswith(suffix)


@scalar("contains", STRING, plans.BOOLEAN, STRING)
def contains(text: str, part: str) -> bool:
    """Tell whether *part* is in *text*."""
    return part in text


@scalar("upper", STRING, plans.STRING)
def upper(text: str) -> str:
    """Return *text* in capitals."""
    return text.upper()


@scalar("lower", STRING, plans.STRING)
def lower(text: str) -> str:
    """Return *text* in small letters."""
    return text.lower()


@scalar("replace", STRING, plans.STRING, STRING, STRING)
def replace(text: str, pattern: str, substitution: str) -> str:
    """Return *text* with each *pattern* replaced; an empty pattern is found between all characters."""
    _check_size(text, text.count(pattern), substitution)
    return text.replace(pattern, substitution)


@scalar("length", STRING, plans.INTEGER)
def length(text: str) -> int:
    """Return the number of characters."""
    return len(text)


@scalar("trim", STRING, plans.STRING)
def trim(text: str) -> str:
    """Return *text* without white space at its ends."""
    return text.strip()


# -- regular expressions


@lru_cache(maxsize=512)
def _pattern(text: str) -> regex.Pattern[str]:
    try:
        return regex.compile(text, regex.DOTALL | regex.VERSION0)
    except regex.error as error:
        raise FhirPathEvaluationError(f"Expected a regular expression, found an error in it: {error}") from None


@scalar("matches", STRING, plans.BOOLEAN, STRING, STRING, optional=1)
def matches(text: str, pattern: str, flags: str = "") -> bool:
    """Tell whether *pattern* is found anywhere in *text*."""
    return _run(lambda seconds: _pattern(_flagged(pattern, flags)).search(text, timeout=seconds)) is not None


@scalar("matchesFull", STRING, plans.BOOLEAN, STRING, STRING, optional=1)
def matches_full(text: str, pattern: str, flags: str = "") -> bool:
    """Tell whether *pattern* is the whole of *text*."""
    return _run(lambda seconds: _pattern(_flagged(pattern, flags)).fullmatch(text, timeout=seconds)) is not None


@scalar("replaceMatches", STRING, plans.STRING, STRING, STRING, STRING, optional=1)
def replace_matches(text: str, pattern: str, substitution: str, flags: str = "") -> str:
    """Return *text* with each match replaced; ``$1`` and ``${name}`` stand for groups."""
    if not pattern:
        return text
    _check_size(text, len(text) + 1, substitution)
    template = regex.sub(r"\$(?:(\d+)|\{(\w+)\})", r"\\g<\1\2>", substitution.replace("\\", "\\\\"))
    result = _run(lambda seconds: _pattern(_flagged(pattern, flags)).sub(template, text, timeout=seconds))
    return str(result)


def _check_size(text: str, replaced: int, substitution: str) -> None:
    """Refuse to make a text that could fill the memory."""
    if replaced * len(substitution) > max(_LONGEST, len(text) * _GROWTH):
        raise FhirPathEvaluationError("The text would become too long")


def _flagged(pattern: str, flags: str) -> str:
    return f"(?{''.join(flag for flag in flags if flag in 'im')}){pattern}" if flags.strip("s") else pattern


def _run(match: Callable[[float], Any]) -> Any:
    try:
        return within_patience(match)
    except TimeoutError:
        problem = (
            f"A regular expression took longer than {MATCH_SECONDS} s on one text, or several took too long together"
        )
        raise FhirPathEvaluationError(problem) from None
    except (regex.error, IndexError):
        raise FhirPathEvaluationError(
            "A substitution names a group that the regular expression does not have"
        ) from None


# -- texts and collections of them


@function("toChars")
def to_chars(call: Call) -> Plan:
    """The characters of a text."""
    text = checked(call, call.input, STRING)
    return collection(lambda this, scope: list(text(this, scope) or ""), plans.STRING, call.position)


@function("split", 1)
def split(call: Call) -> Plan:
    """The parts of a text between separators."""
    text, separator = checked(call, call.input, STRING), checked(call, call.argument(0), STRING)

    def many(this: Any, scope: Scope) -> list[Any]:
        whole, mark = text(this, scope), separator(this, scope)
        if whole is None or mark is None:
            return []
        return list(whole.split(mark)) if mark else list(whole)

    return collection(many, plans.STRING, call.position)


@function("join", 0, 1)
def join(call: Call) -> Plan:
    """The texts of a collection in one, with a separator between them."""
    texts = system(call.input).many
    separator = checked(call, call.argument(0), STRING) if call.arguments else None

    def one(this: Any, scope: Scope) -> str | None:
        parts = texts(this, scope)
        for part in parts:
            if type(part) is not str:
                raise FhirPathEvaluationError(f"join() expected Strings, found {kind_name(part)}", call.position)
        return (("" if separator is None else separator(this, scope)) or "").join(parts) if parts else None

    return single(one, plans.STRING)


# -- encodings

_ENCODERS: Final = {"hex": base64.b16encode, "base64": base64.b64encode, "urlbase64": base64.urlsafe_b64encode}
_ESCAPED_OR_QUOTE: Final = re.compile(r'(\\.)|"', re.DOTALL)
_DECODERS: Final = {"base64": base64.b64decode, "urlbase64": base64.urlsafe_b64decode}


@scalar("encode", STRING, plans.STRING, STRING)
def encode(text: str, encoding: str) -> str | None:
    """Return *text* in ``hex``, ``base64`` or ``urlbase64``; None for another encoding."""
    encoder = _ENCODERS.get(encoding)
    if encoder is None:
        return None
    encoded = encoder(text.encode()).decode()
    return encoded.lower() if encoding == "hex" else encoded


@scalar("decode", STRING, plans.STRING, STRING)
def decode(text: str, encoding: str) -> str | None:
    """Return what was encoded; None for another encoding.

    Raises:
        FhirPathEvaluationError: *text* is not in that encoding.
    """
    try:
        if encoding == "hex":
            return bytes.fromhex(text).decode()
        decoder = _DECODERS.get(encoding)
        return None if decoder is None else decoder(text.encode()).decode()
    except (ValueError, binascii.Error):
        raise FhirPathEvaluationError(f"decode() expected text in {encoding}") from None


@scalar("escape", STRING, plans.STRING, STRING)
def escape(text: str, target: str) -> str | None:
    """Return *text* escaped for ``html`` or ``json``; None for another target."""
    if target == "html":
        return html.escape(text)
    return json.dumps(text, ensure_ascii=False)[1:-1] if target == "json" else None


@scalar("unescape", STRING, plans.STRING, STRING)
def unescape(text: str, target: str) -> str | None:
    """Return what was escaped; None for another target.

    Raises:
        FhirPathEvaluationError: *text* is not escaped so.
    """
    if target == "html":
        return html.unescape(text)
    if target != "json":
        return None
    try:
        # a quote that needs no escape inside a FHIRPath text is taken as it is
        quoted = _ESCAPED_OR_QUOTE.sub(lambda match: match[1] or '\\"', text)
        return str(json.loads(f'"{quoted}"', strict=False))
    except ValueError:
        raise FhirPathEvaluationError("unescape() expected text escaped for JSON") from None
