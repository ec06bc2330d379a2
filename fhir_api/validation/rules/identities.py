"""What names a thing: codings, identifiers, extensions, ids of elements.

Spec: https://hl7.org/fhir/R4/datatypes.html#Coding, https://hl7.org/fhir/R4/datatypes.html#Identifier,
https://hl7.org/fhir/R4/extensibility.html, https://hl7.org/fhir/R4/element.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fhir_api.model.outcome import Issue
from fhir_api.validation.rules.coded import is_supplement, names_value_set
from fhir_api.validation.rules.place import Place, Tree
from fhir_api.validation.rules.uris import is_absolute

_ANY_URI: Final = "urn:ietf:rfc:3986"


def coding(element: Tree, place: Place) -> Iterator[Issue]:
    """Check that a Coding's system is a code system."""
    system = element.get("system")
    if system is None:
        if "code" in element:
            yield place.warning("code-invalid", "The code has no system, so it has no defined meaning.")
    elif not is_absolute(system):
        yield place.error("code-invalid", "Found a relative URI, expected an absolute one.", "system")
    elif names_value_set(system, place.scene):
        yield place.error("code-invalid", "Found the URL of a value set, expected that of a code system.", "system")
    elif is_supplement(system, place.scene):
        yield place.error("code-invalid", "Found a supplement, expected the code system that it is of.", "system")


def identifier(element: Tree, place: Place) -> Iterator[Issue]:
    """Check the system of an Identifier, and its value where that has to be a URI."""
    system, value = element.get("system"), element.get("value")
    if system is None:
        return
    if not is_absolute(system):
        yield place.error("value", "Found a relative URI, expected an absolute one.", "system")
    elif system == _ANY_URI and value is not None and not is_absolute(value):
        yield place.error("value", f"The system {_ANY_URI} asks for a whole URI as value, such as urn:oid:….", "value")


def extension(element: Tree, place: Place) -> Iterator[Issue]:
    """Check the URL of an extension; those inside another may be relative."""
    url = element.get("url", "")
    if not is_absolute(url) and place.path.count("xtension[") <= 1 + _outside(place.path):
        yield place.error("value", "Found a relative URL, expected an absolute one.", "url")
    elif is_absolute(url) and "|" in url:
        yield place.error("value", "The URL of an extension has no version.", "url")


def _outside(path: str) -> int:
    """Return how many extensions of the path are not the ones right before its end."""
    steps = path.split(".")
    inside = 0
    while steps and "xtension[" in steps[-1]:
        steps.pop()
        inside += 1
    return path.count("xtension[") - inside


def element_id(element: Tree, place: Place) -> Iterator[Issue]:
    """Check that no other element of the resource has the same id."""
    own_id = element.get("id")
    # a snapshot and a differential name the same elements
    if own_id is None or place.key.node == "ElementDefinition":
        return
    if own_id in place.owner.element_ids:
        yield place.error("invalid", "Another element of the resource has the same id.", "id")
    place.owner.element_ids.add(own_id)
