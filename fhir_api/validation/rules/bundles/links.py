"""What a Bundle's first entry must hold together: documents and messages are complete in themselves.

Spec: https://hl7.org/fhir/R4/documents.html#content, https://hl7.org/fhir/R4/messaging.html#bundle
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from fhir_api.model.outcome import Issue
from fhir_api.validation.rules.bundles.entries import Entries, Entry
from fhir_api.validation.rules.place import Place, Tree

_HEADS: Final = {"document": "Composition", "message": "MessageHeader"}
_OF_COMPOSITION: Final = ("subject", "encounter", "author", "attester.party", "custodian", "event.detail")
_OF_SECTION: Final = ("author", "focus", "entry")
_OF_MESSAGE_HEADER: Final = ("focus",)
# A document may carry its own style sheet, and statements about where its parts come from.
_MAY_STAND_ALONE: Final = frozenset({"Binary", "Provenance"})


def first_entry(_bundle: Tree, place: Place) -> Iterator[Issue]:
    """Check that a document or message has all its first entry refers to, and nothing that is not referred to."""
    entries = place.entries
    head_type = _HEADS.get(entries.bundle_type)
    if head_type is None or not entries.all or entries.all[0].number > 0:
        return
    head = entries.all[0]
    if head.resource["resourceType"] != head_type:
        return
    yield from _unresolved(head, entries, place.at("entry[0].resource"))
    yield from _unreached(head, entries, place)


def _unresolved(head: Entry, entries: Entries, place: Place) -> Iterator[Issue]:
    for path, element in _links(head.resource):
        literal = element.get("reference")
        if literal is None or literal[0] == "#" or entries.matches(literal, head.full_url):
            continue
        diagnostics = f"The Bundle has no entry for this reference, which a {entries.bundle_type} has to contain."
        yield place.error("not-found", diagnostics, path)


def _links(head: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the references of the first entry whose targets have to be in the Bundle, each with its path."""
    if head["resourceType"] == "MessageHeader":
        yield from _at(head, _OF_MESSAGE_HEADER, "")
        return
    yield from _at(head, _OF_COMPOSITION, "")
    yield from _in_sections(head, "")


def _in_sections(element: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for index, section in enumerate(element.get("section", ())):
        inside = f"{path}section[{index}]."
        yield from _at(section, _OF_SECTION, inside)
        yield from _in_sections(section, inside)


def _at(element: Mapping[str, Any], names: tuple[str, ...], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name in names:
        first, _, rest = name.partition(".")
        for step, each in _values(element, first):
            if rest:
                yield from _at(each, (rest,), f"{path}{step}.")
            else:
                yield f"{path}{step}", each


def _values(element: Mapping[str, Any], name: str) -> Iterator[tuple[str, Any]]:
    found = element.get(name)
    if isinstance(found, list):
        yield from ((f"{name}[{index}]", each) for index, each in enumerate(found))
    elif found is not None:
        yield name, found


def _unreached(head: Entry, entries: Entries, place: Place) -> Iterator[Issue]:
    links = {entry.number: _targets(entry, entries) for entry in entries.all}
    forwards = _reached(head.number, links)
    either_way = _reached(head.number, _both_ways(links))
    head_type = head.resource["resourceType"]
    for entry in entries.all:
        if entry.number in forwards or entry.resource["resourceType"] == "Binary":
            continue
        at = place.at(f"entry[{entry.number}]")
        if entry.number in either_way:
            if entry.resource["resourceType"] not in _MAY_STAND_ALONE and entries.bundle_type == "document":
                yield at.warning("informational", f"Only references to {head_type} lead here, none from it.")
        elif entries.bundle_type == "document":
            yield at.error("invalid", f"No reference leads from {head_type} to this entry, nor back.")
        else:
            yield at.warning("informational", f"No reference leads from {head_type} to this entry, nor back.")


def _reached(start: int, links: Mapping[int, set[int]]) -> set[int]:
    reached, waiting = {start}, [start]
    while waiting:
        new = links[waiting.pop()] - reached
        reached |= new
        waiting.extend(new)
    return reached


def _both_ways(links: Mapping[int, set[int]]) -> Mapping[int, set[int]]:
    found = {index: set(targets) for index, targets in links.items()}
    for index, targets in links.items():
        for target in targets:
            found[target].add(index)
    return found


def _targets(entry: Entry, entries: Entries) -> set[int]:
    return {
        match.number
        for literal in _literals(entry.resource)
        for match in entries.matches(literal, entry.full_url) or entries.likenesses(literal)
    }


def _literals(value: Any) -> Iterator[str]:
    """Yield each text that may refer to an entry: references, and URIs of links in narratives are none."""
    if isinstance(value, list):
        for each in value:
            yield from _literals(each)
    elif isinstance(value, dict):
        for name, member in value.items():
            if name in {"reference", "valueUri", "valueUrl", "url"} and isinstance(member, str):
                yield member
            else:
                yield from _literals(member)
