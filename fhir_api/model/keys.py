"""How resources are named: type, logical id, version.

Spec: https://hl7.org/fhir/R4/resource.html#id
"""

from __future__ import annotations

import re
from typing import NamedTuple
from uuid import uuid4

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
    """Return a fresh logical id that nobody can guess."""
    return str(uuid4())
