"""Where references lead: contained resources, entries of the same Bundle, resources stored here.

That the text is a reference, and of an allowed type where it shows one, is a matter of structure.

Spec: https://hl7.org/fhir/R4/references.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fhir_api.model.outcome import Issue
from fhir_api.model.references import parse_restful
from fhir_api.validation.references import RESOURCE_TYPES, is_right_urn
from fhir_api.validation.rules.bundles.entries import Entry, absolute, is_urn
from fhir_api.validation.rules.bundles.full_urls import needs_full_urls
from fhir_api.validation.rules.place import EntryPlace, Place, Tree

_TYPES: Final = "http://hl7.org/fhir/StructureDefinition/"
_FEW_TARGETS: Final = 8


def reference(element: Tree, place: Place) -> Iterator[Issue]:
    """Check where one Reference leads."""
    literal = element.get("reference")
    if literal is None:
        return
    at = place.at("reference")
    if is_urn(literal) and not is_right_urn(literal):
        yield at.warning("value", "Found a URN that is neither that of a UUID nor that of an OID.")
    if literal[0] == "#":
        target = place.owner.contained(literal[1:])
        if target is not None:
            yield from _target(target["resourceType"], element, at)
        return
    entry = place.owner.entry
    found = entry.entries.matches(literal, entry.full_url) if entry else []
    if entry is not None:
        yield from _in_bundle(literal, found, entry, at)
    if found:
        yield from _target(found[0].resource["resourceType"], element, at)
    else:
        yield from _stored(literal, at)


def _target(resource_type: str, element: Tree, at: Place) -> Iterator[Issue]:
    """Check the type of the resource that was found."""
    targets = (at.key.targets or frozenset()) & RESOURCE_TYPES
    if targets and resource_type not in targets:
        expected = " or ".join(sorted(targets)) if len(targets) <= _FEW_TARGETS else "another type"
        yield at.error("value", f"The reference leads to {resource_type}, expected {expected}.")
    shown = parse_restful(element["reference"])
    if shown is not None and shown.key.resource_type in RESOURCE_TYPES and shown.key.resource_type != resource_type:
        yield at.error("value", f"The reference shows {shown.key.resource_type}, but leads to {resource_type}.")
    stated = element.get("type", resource_type).removeprefix(_TYPES)
    if stated in RESOURCE_TYPES and stated != resource_type:
        yield at.error("value", f"Reference.type is {stated}, but the reference leads to {resource_type}.")


def _in_bundle(literal: str, found: list[Entry], entry: EntryPlace, at: Place) -> Iterator[Issue]:
    entries = entry.entries
    if len(found) > 1 and entries.bundle_type != "history":
        yield at.error("value", f"{len(found)} entries of the Bundle match the reference, expected at most one.")
    elif not found:
        yield from _missing(literal, entry, at)


def _missing(literal: str, entry: EntryPlace, at: Place) -> Iterator[Issue]:
    entries = entry.entries
    is_relative = ":" not in literal and "?" not in literal
    if is_relative and entry.full_url is None and needs_full_urls(entries.bundle_type):
        yield at.error("required", "A relative reference needs the fullUrl of its entry, which is missing.")
    elif is_urn(literal):
        yield at.warning("not-found", "No entry of the Bundle has this urn as its fullUrl.")
    elif (other := entries.other_type(literal)) is not None:
        yield at.error("value", f"The entry with this id is a {other}.")
    elif len(alike := entries.likenesses(literal)) > 0:
        yield at.warning("not-found", _unlike(literal, alike, entry.full_url))


def _unlike(literal: str, alike: list[Entry], base: str | None) -> str:
    places = ", ".join(f"entry[{entry.number}]" for entry in alike[:_FEW_TARGETS])
    meant = "an absolute URL" if ":" in absolute(literal, base) else "no URL, since its entry has none to start from"
    return f"{places} has the type and id of the reference, but another fullUrl; the reference means {meant}."


def _stored(literal: str, at: Place) -> Iterator[Issue]:
    restful = parse_restful(literal)
    exists = at.scene.exists
    if exists is None or restful is None or restful.base is not None:
        return
    if restful.key.resource_type in RESOURCE_TYPES and not exists(restful.key):
        diagnostics = f"No {restful.key.resource_type} with this id is stored here."
        yield at.of(at.scene.options.missing_target, "not-found", diagnostics)
