"""Strings, uris, references and positions.

Spec: https://hl7.org/fhir/R4/search.html#string, https://hl7.org/fhir/R4/search.html#uri,
https://hl7.org/fhir/R4/search.html#reference, https://hl7.org/fhir/R4/location.html#positional
"""

from __future__ import annotations

import re
from math import acos, cos, radians, sin
from typing import Any

from jellyfish import metaphone

from fhir_api.fhirpath import Item
from tests.support.oracle.texts import folded, parts, plain
from tests.support.oracle.tokens import holds as is_token

NAME_PARTS = ("family", "given", "prefix", "suffix", "text")
ADDRESS_PARTS = ("line", "city", "district", "state", "country", "postalCode", "text")

_RELATIVE = re.compile(r"(?P<key>(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9.-]{1,64}))(/_history/.+)?")
_ABSOLUTE = re.compile(r"(?P<key>https?://.+/[A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64})(/_history/.+)?")


def strings(item: Item) -> list[str]:
    """Return the texts of an element."""
    if not isinstance(item.value, dict):
        return [item.value]
    found = [item.value.get(name) for name in (NAME_PARTS if item.type == "HumanName" else ADDRESS_PARTS)]
    return [text for each in found if each for text in ([each] if isinstance(each, str) else each)]


def families(item: Item, code: str) -> list[str]:
    """Return each family name without its first word, without its first two, and so on."""
    name = item.value if code == "family" else item.value.get("family") if item.type == "HumanName" else None
    words = folded(name or "").split()
    return [" ".join(words[place:]) for place in range(1, len(words))]


def is_alike(item: Item, text: str) -> bool:
    """Tell whether each word of a text sounds like one of the element's words."""
    known = {sound(word) for each in strings(item) for word in folded(each).split()}
    wanted = folded(plain(text)).split()
    return bool(wanted) and all(sound(word) in known for word in wanted)


def sound(word: str) -> str:
    """Return what a word sounds like, or the word."""
    return metaphone(word) or word


def is_string(item: Item, modifier: str, text: str, code: str) -> bool:
    """Tell whether a text of the element starts with, contains or (``exact``) is the wanted one.

    *code* is the parameter's: ``phonetic`` compares by sound, and names are found by any word of the family name.
    """
    wanted = plain(text)
    if code == "phonetic":
        return is_alike(item, text)
    if modifier == "exact":
        return wanted in strings(item)
    if not folded(wanted):
        return False
    if modifier == "text":
        return any(f" {folded(wanted)}" in f" {folded(each)}" for each in strings(item))
    if modifier == "contains":
        return any(folded(wanted) in folded(each) for each in strings(item))
    return any(folded(each).startswith(folded(wanted)) for each in [*strings(item), *families(item, code)])


def is_uri(item: Item, modifier: str, text: str) -> bool:
    """Tell whether a uri is the wanted one, below it or above it; a canonical is found without its version, too.

    What is below a version has more parts of it: https://hl7.org/fhir/R4/search.html#versions.
    """
    wanted = plain(text)
    names = {item.value, item.value.partition("|")[0]} if item.type == "canonical" else {item.value}
    if modifier == "below":
        return any(_is_beginning(wanted, name) for name in names)
    if modifier == "above":
        return any(_is_beginning(name, wanted) for name in names)
    return wanted in names


def _is_beginning(above: str, below: str) -> bool:
    """Tell whether *below* is *above* or begins with it, whose version ends at a part of that of *below*."""
    if above == below or below.startswith("urn:"):
        return above == below
    url, bar, version = above.partition("|")
    if bar:
        return below.startswith(f"{url}|{version}.")
    longer, versioned, _ = below.partition("|")
    # what is of no version is above longer URLs, not above its own versions
    return longer.startswith(url) and not (versioned and longer == url)


def target(item: Item) -> str | None:
    """Return what a reference points at, without a version: ``Type/id``, or a URL."""
    text = item.value.get("reference") if isinstance(item.value, dict) else item.value
    match = _RELATIVE.fullmatch(text or "") or _ABSOLUTE.fullmatch(text or "")
    return match["key"] if match else text


def is_reference(item: Item, modifier: str, text: str) -> bool:
    """Tell whether an element points at ``id``, ``Type/id``, a URL or a canonical with or without version."""
    if item.type == "canonical":
        url, version, wanted_url, wanted_version = (*_versioned(item.value), *_versioned(plain(text)))
        return url == wanted_url and wanted_version in {"", version}
    if isinstance(item.value, str):
        return item.value == plain(text)
    if item.type not in {"Reference", "canonical"}:
        return f"{item.value['resourceType']}/{item.value.get('id')}".endswith(plain(text))
    if modifier == "identifier":
        identifier: dict[str, Any] | None = item.value.get("identifier")
        return identifier is not None and is_token(Item(identifier, "Identifier"), text, None)
    pointed = target(item)
    wanted = target(Item(plain(text), "uri"))
    relative = _RELATIVE.fullmatch(pointed or "")
    if relative is not None and "/" not in plain(text):
        return relative["id"] == wanted and modifier in {"", relative["type"]}
    return pointed == wanted and bool(pointed)


def _versioned(canonical: str) -> tuple[str, str]:
    url, _, version = canonical.partition("|")
    return url, version


def is_near(item: Item, text: str) -> bool:
    """Tell whether a position is within ``latitude|longitude|kilometres|km``."""
    latitude, longitude, distance, _ = (radians(float(part)) if part != "km" else 0.0 for part in parts(text, "|"))
    here, there = radians(item.value["latitude"]), radians(item.value["longitude"])
    cosine = sin(here) * sin(latitude) + cos(here) * cos(latitude) * cos(there - longitude)
    kilometres = 6371.0088 * acos(max(-1.0, min(1.0, cosine)))
    return kilometres <= float(parts(text, "|")[2]) and distance >= 0
