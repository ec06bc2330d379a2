"""The syntax of literal references, and the type they show.

Spec: https://hl7.org/fhir/R4/references.html#literal
"""

from __future__ import annotations

import re

from conformance.types import resource_types
from fhir_api.model.references import parse_restful
from fhir_api.validation.primitives import Json

RESOURCE_TYPES = frozenset(resource_types())

OPAQUE = "*"
"""What a urn, or a URL that is not ``[base]/Type/id``, shows: no type."""
FRAGMENT = "#"
"""What a reference to a contained resource shows."""
CONDITIONAL = "?"
"""What criteria start with: ``?Patient`` for ``Patient?identifier=7``."""
NONE = ""
"""What any other text shows: it is no literal reference."""

_VISIBLE = r"[^\s\x00-\x1f\x7f]"
_URN = re.compile(
    r"urn:(?:uuid:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|oid:[0-2](?:\.(?:0|[1-9][0-9]*))+)"
)
_ABSOLUTE = re.compile(rf"(?!urn:(?:uuid|oid):$)[A-Za-z][A-Za-z0-9+.\-]*:{_VISIBLE}+")
_FRAGMENT = re.compile(r"#(?:[A-Za-z0-9\-.]{1,64})?")
_CONDITIONAL = re.compile(rf"([A-Za-z]+)\?{_VISIBLE}+")
_HIDDEN = re.compile(r"[\s\x00-\x1f\x7f]")


def is_right_urn(literal: str) -> bool:
    """Tell whether a text is the URN of a UUID or of an OID."""
    return _URN.fullmatch(literal) is not None


def shown_type(literal: Json) -> str:
    """Return the resource type a literal shows, or one of the marks above.

    Raises:
        TypeError: *literal* is no text.
    """
    if is_right_urn(literal):
        return OPAQUE
    if _HIDDEN.search(literal):
        return NONE
    restful = parse_restful(literal)
    if restful is not None and restful.key.resource_type in RESOURCE_TYPES:
        return restful.key.resource_type
    if _ABSOLUTE.fullmatch(literal):
        return OPAQUE
    if _FRAGMENT.fullmatch(literal):
        return FRAGMENT
    conditional = _CONDITIONAL.fullmatch(literal)
    return CONDITIONAL + conditional[1] if conditional and conditional[1] in RESOURCE_TYPES else NONE
