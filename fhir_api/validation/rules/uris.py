"""URIs: urns that name what they have to, canonicals that are absolute or lead to a contained resource.

Spec: https://hl7.org/fhir/R4/datatypes.html#uri, https://hl7.org/fhir/R4/references.html#canonical
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from conformance.types import nodes
from fhir_api.model.outcome import Issue
from fhir_api.validation.rules.place import Place, Tree

_OID: Final = re.compile(r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+(?:[|#].*)?")
_UUID: Final = re.compile(r"urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:[|#].*)?")
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+")
_HTTP: Final = re.compile(r"https?:(?!//[^/?#\s])", re.IGNORECASE)


def is_absolute(uri: str) -> bool:
    """Tell whether a URI has a scheme."""
    return _ABSOLUTE.fullmatch(uri) is not None


def uri(value: str, place: Place) -> Iterator[Issue]:
    """Check the scheme's own syntax."""
    if value.startswith("urn:oid:"):
        if not _OID.fullmatch(value):
            yield place.error("value", "Found 'urn:oid:' and something else, expected an OID after it.")
    elif value.startswith("urn:uuid:"):
        if not _UUID.fullmatch(value):
            yield place.error("value", "Found 'urn:uuid:' and something else, expected a UUID in lower case after it.")
    elif value.startswith(("oid:", "uuid:")):
        yield place.error("value", f"A URI that starts with '{value.partition(':')[0]}:' has to start with 'urn:'.")
    elif _HTTP.match(value):
        yield place.warning("value", "Found an HTTP URL without a host.")


def canonical(value: str, place: Place) -> Iterator[Issue]:
    """Check that a canonical is absolute, or a fragment that leads to a contained resource."""
    if value.startswith("#"):
        if place.owner.contained(value[1:]) is None:
            yield place.error("not-found", "The canonical points at no contained resource.")
    elif not is_absolute(value):
        yield place.error("value", "Found a relative canonical, expected an absolute one, or # and a contained id.")


def own_url(resource: Tree, place: Place) -> Iterator[Issue]:
    """Check ``url`` of a definition: it is what canonicals elsewhere say."""
    url = resource.get("url")
    if url is not None and not is_absolute(url):
        yield place.error("value", "Found a relative URL, expected an absolute one.", "url")
    elif url is not None and "|" in url:
        yield place.error("value", "The URL has a version; the element 'version' is its place.", "url")


def definitions() -> frozenset[str]:
    """Return the resource types that a canonical may name: those with ``url`` and ``status``."""
    return frozenset(
        node.name
        for node in nodes().values()
        if node.kind == "resource" and {"url", "status"} <= {element.name for element in node.elements}
    )
