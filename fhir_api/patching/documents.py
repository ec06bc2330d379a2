"""Patches of all formats, by the media type they are sent in.

Spec: https://hl7.org/fhir/R4/http.html#patch
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from typing import Final, Protocol

from fhir_api.formats.xml import from_xml
from fhir_api.model.errors import ErrorKind, refuse
from fhir_api.model.resource import parse
from fhir_api.patching.fhirpath_patch import read_fhirpath_patch
from fhir_api.patching.json_patch import read_json_patch
from fhir_api.patching.xml_patch import read_xml_patch


class Patch(Protocol):
    """Changes to one resource."""

    def apply(self, resource: bytes) -> bytes:
        """Return the JSON of *resource* with all changes; with one that cannot be made, none is.

        Raises:
            FhirError: UNPROCESSABLE, INVALID, TOO_LARGE.
        """


READERS: Final[dict[str, Callable[[bytes], Patch]]] = {
    "application/json-patch+json": read_json_patch,
    "application/xml-patch+xml": read_xml_patch,
    "application/fhir+json": read_fhirpath_patch,
    "application/fhir+xml": lambda raw: read_fhirpath_patch(from_xml(raw)),
}
"""What reads a patch, by media type."""


def read_patch(media_type: str, raw: bytes) -> Patch:
    """Read a patch.

    Raises:
        FhirError: UNSUPPORTED_MEDIA_TYPE; MALFORMED, naming the operation that is not one; TOO_LARGE.
    """
    reader = READERS.get(media_type)
    if reader is None:
        raise refuse(ErrorKind.UNSUPPORTED_MEDIA_TYPE, f"A patch has to be one of {', '.join(READERS)}.")
    return reader(raw)


def unpacked(resource: bytes) -> tuple[str, bytes]:
    """Return the media type and text of the patch that an entry of a Bundle carries.

    That is Parameters for a FHIRPath Patch, a Binary for the others.

    Raises:
        FhirError: NOT_SUPPORTED for another resource, MALFORMED for a Binary without base64.
    """
    carrier = parse(resource)
    if carrier.resource_type == "Parameters":
        return "application/fhir+json", resource
    media_type = carrier.tree.get("contentType")
    if carrier.resource_type != "Binary" or type(media_type) is not str or media_type not in READERS:
        expected = f"Parameters, or a Binary of one of {', '.join(READERS)}"
        raise refuse(ErrorKind.NOT_SUPPORTED, f"A PATCH entry has to carry {expected}.")
    try:
        return media_type, b64decode(carrier.tree.get("data") or "", validate=True)
    except (TypeError, ValueError):
        raise refuse(ErrorKind.MALFORMED, "Binary.data is not base64.", expression="Binary.data") from None
