"""How resources are named: type, logical id, version.

Spec: https://hl7.org/fhir/R4/resource.html#id
"""

from __future__ import annotations

import re
from os import urandom
from typing import NamedTuple

ID_PATTERN = re.compile(r"[A-Za-z0-9\-.]{1,64}")


class ResourceKey(NamedTuple):
    """A resource's identity on one server: ``Type/id``."""

    resource_type: str
    logical_id: str

    def __str__(self) -> str:
        return f"{self.resource_type}/{self.logical_id}"


def is_logical_id(text: str) -> bool:
    """Tell whether *text* is a valid resource id."""
    return ID_PATTERN.fullmatch(text) is not None


def new_logical_id() -> str:
    """Return a fresh logical id that nobody can guess: a UUID of version 4 (RFC 9562, 5.4).

    Written out here: each search needs one, and a ``uuid.UUID`` takes as long to make as two of its entries.
    """
    raw = bytearray(urandom(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    digits = raw.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
