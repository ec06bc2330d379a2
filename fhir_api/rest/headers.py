"""Request headers that steer an interaction: preconditions and preferences; dates and tags for answers.

Spec: https://hl7.org/fhir/R4/http.html#concurrency, https://hl7.org/fhir/R4/http.html#ops
"""

from __future__ import annotations

import re
from calendar import timegm
from email.utils import parsedate
from functools import lru_cache
from time import gmtime
from typing import NamedTuple

from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.model.versions import StoredVersion
from fhir_api.rest.request import whole_number

NO_VERSION = 0
"""A version id that no version has (they start at 1): what an ETag means that this server never gave."""

_ETAG = re.compile(r'(?:W/)?"([A-Za-z0-9\-.]{1,64})"')
_ETAGS = re.compile(r'(?:W/)?"([^"]*)"\s*(?:,|$)')
_DAYS = (b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun")
_MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_RETURNS = ("minimal", "representation", "OperationOutcome")


class Preferences(NamedTuple):
    """``Prefer``.

    Attributes:
        returns: ``minimal | representation | OperationOutcome``; None leaves it to the server.
        lenient: unknown search parameters are ignored and reported instead of refused.
    """

    returns: str | None = None
    lenient: bool = False


NO_PREFERENCES = Preferences()


def preferences(prefer: str | None) -> Preferences:
    """Read ``Prefer``; unknown preferences are ignored (RFC 7240, 2).

    Raises:
        FhirError: MALFORMED for an unknown ``return`` or ``handling``; NOT_SUPPORTED for ``respond-async``.
    """
    return NO_PREFERENCES if prefer is None else _parsed_preferences(prefer)


@lru_cache(maxsize=256)
def _parsed_preferences(prefer: str) -> Preferences:
    returns, lenient = None, False
    for preference in prefer.split(","):
        name, _, quoted = preference.partition(";")[0].partition("=")
        value = quoted.strip().strip('"')
        match name.strip().lower():
            case "return":
                if value not in _RETURNS:
                    raise refuse(ErrorKind.MALFORMED, f"Prefer: return is one of {', '.join(_RETURNS)}.", code="value")
                returns = value
            case "handling":
                if value not in ("strict", "lenient"):
                    raise refuse(ErrorKind.MALFORMED, "Prefer: handling is strict or lenient.", code="value")
                lenient = value == "lenient"
            case "respond-async":
                raise refuse(ErrorKind.NOT_SUPPORTED, "Prefer: respond-async is not supported; send it without.")
    return Preferences(returns, lenient)


def if_match(text: str | None) -> int | None:
    """Return the version number that ``If-Match`` asks for; None without the header.

    Raises:
        FhirError: MALFORMED if it is not one ETag.
    """
    if text is None:
        return None
    match = _ETAG.fullmatch(text.strip())
    if match is None:
        raise refuse(ErrorKind.MALFORMED, 'If-Match has to be one ETag, such as W/"3".', code="value")
    return version_number(match[1])


def version_number(version_id: str) -> int:
    """Return a version id as a number, ``NO_VERSION`` for text that this server never gives as a version id."""
    return whole_number(version_id) or NO_VERSION


def if_none_match_any(text: str | None) -> bool:
    """Tell whether a write asks for ``If-None-Match: *``: only if nothing is there.

    Raises:
        FhirError: MALFORMED for anything but ``*``.
    """
    if text is None:
        return False
    if text.strip() != "*":
        raise refuse(ErrorKind.MALFORMED, "If-None-Match of a write has to be '*'.", code="value")
    return True


def is_not_modified(version: StoredVersion, if_none_match: str | None, if_modified_since: str | None) -> bool:
    """Tell whether the client's copy is still good (304); an ETag is decisive where both are given (RFC 9110, 13.2.2).

    Raises:
        FhirError: MALFORMED for an ``If-None-Match`` without any ETag.
    """
    if if_none_match is not None:
        if if_none_match.strip() == "*":
            return True
        tags = _ETAGS.findall(if_none_match)
        if not tags:
            raise refuse(ErrorKind.MALFORMED, "If-None-Match has to be ETags, such as W/\"3\", or '*'.", code="value")
        return str(version.version_id) in tags
    if if_modified_since is not None:
        since = http_seconds(if_modified_since)
        return since is not None and version.last_updated // 1000 <= since
    return False


def http_seconds(text: str) -> int | None:
    """Return an HTTP date as seconds since 1970; None for text that is none (RFC 9110, 13.1.3: then it is ignored)."""
    try:
        moment = parsedate(text)
        return None if moment is None else timegm(moment)
    except (ValueError, OverflowError, IndexError):
        return None


@lru_cache(maxsize=4096)
def http_date(seconds: int) -> bytes:
    """Return seconds since 1970 as ``Mon, 23 Nov 2026 08:00:00 GMT``."""
    year, month, day, hour, minute, second, weekday, _, _ = gmtime(seconds)
    return b"%b, %02d %b %04d %02d:%02d:%02d GMT" % (
        _DAYS[weekday],
        day,
        _MONTHS[month - 1],
        year,
        hour,
        minute,
        second,
    )
