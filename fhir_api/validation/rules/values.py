"""Values that contradict themselves or common sense: attachments, quantities, dates.

Spec: https://hl7.org/fhir/R4/datatypes.html
"""

from __future__ import annotations

import hashlib
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator

from fhir_api.fhirpath.quantity import UCUM_SYSTEM
from fhir_api.fhirpath.ucum import canonical
from fhir_api.model.outcome import Issue
from fhir_api.validation.rules.place import Place, Tree

_FIRST_YEAR, _LAST_YEAR = "1800", "2150"


def attachment(element: Tree, place: Place) -> Iterator[Issue]:
    """Check size and hash of an Attachment against its data."""
    encoded = element.get("data")
    if encoded is None:
        if "url" not in element and "contentType" not in element and "language" not in element:
            yield place.warning("value", "The attachment has neither data nor a URL, nor says what it would be.")
        return
    try:
        content = b64decode(encoded)
    except (Base64Error, ValueError):
        return
    size = element.get("size")
    if size is not None and size != len(content):
        yield place.error("value", f"The size is {size}, but the data has {len(content)} bytes.", "size")
    digest = element.get("hash")
    if digest is not None and _bytes(digest) != hashlib.sha1(content, usedforsecurity=False).digest():
        yield place.warning("value", "The hash is not the SHA-1 of the data.", "hash")


def _bytes(encoded: str) -> bytes:
    try:
        return b64decode(encoded)
    except (Base64Error, ValueError):
        return b""


def base64(value: str, place: Place) -> Iterator[Issue]:
    """Check that Base64 has no white space, which not every reader can take."""
    if any(character in value for character in " \n\r\t"):
        yield place.warning("value", "The Base64 text has white space, which RFC 4648 does not have.")


def quantity(element: Tree, place: Place) -> Iterator[Issue]:
    """Check that the code of a Quantity is a unit, where UCUM is its system."""
    code = element.get("code")
    if element.get("system") == UCUM_SYSTEM and isinstance(code, str) and canonical(code) is None:
        yield place.error("code-invalid", "The code is no unit of UCUM.", "code")


def date(value: str, place: Place) -> Iterator[Issue]:
    """Check the year of a date, dateTime or instant."""
    if not _FIRST_YEAR <= value[:4] <= _LAST_YEAR:
        diagnostics = f"The year is not between {_FIRST_YEAR} and {_LAST_YEAR}; is it a slip?"
        yield place.warning("value", diagnostics)
