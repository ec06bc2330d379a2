"""What rows cannot say: a closed list of named functions.

A row names one in its map (``location_chain()``), its assignment (``now()``), or a patch names it for a condition. Some
elements have a conversion of their own: the system of a coding is looked up by the name that v2 has for it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timezone
from types import MappingProxyType
from typing import NamedTuple

from adapters.hl7.encoding.escapes import unescape
from adapters.hl7.encoding.segment import NULL
from adapters.hl7.mapping.asking import PartSource
from adapters.hl7.mapping.locations import location_chain, location_of_ndl
from adapters.hl7.mapping.naming import family_name_first, family_name_last, full_name
from adapters.hl7.mapping.ranges import reference_range
from adapters.hl7.mapping.run import Place, Run, UnmappedCode, leaf
from adapters.hl7.mapping.targets import Building, Target
from adapters.hl7.mapping.values import CONVERSIONS, Conversion, Primitive
from mappings.conditions import Source
from mappings.conditions.compiler import Asked
from mappings.errors import MappingError
from mappings.rows import CodeRow

UTC = timezone.utc  # noqa: UP017 - datetime.UTC has the same value; this is what zoneinfo compares with
Tables = Mapping[str, tuple[CodeRow, ...]]
Convert = Callable[[Run, str], "Primitive | None"]
Compute = Callable[[Run, Building, str, Place], "Primitive | None"]
Fill = Callable[[Run, Building, str, Place, int], bool]


class Filling(NamedTuple):
    """A function that maps the parts of a value.

    Attributes:
        type: FHIR type that it fills.
        fill: fills it.
    """

    type: str
    fill: Fill


SYSTEMS = "CodingSystem"
"""Table of the names of code systems (HL7 table 0396)."""
AUTHORITIES = "AssigningAuthority"
"""Table of assigning authorities and the systems of their identifiers."""

_OID = re.compile(r"[0-2](\.(0|[1-9]\d*)){2,}")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_HOST = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_V2_TABLE_OID = re.compile(r"2\.16\.840\.1\.113883\.12\.(\d{1,4})")
_V2_TABLE = re.compile(r"(?:HL7|hl7)?-?(\d{4})")


def conversion(target: Target, tables: Tables, conversions: Mapping[str, Conversion]) -> Convert:
    """Return how a text becomes the value of an element.

    Raises:
        MappingError: its type has no texts.
    """
    if target.is_looked_up:
        holder = target.path.lower()
        if "coding" in holder or holder.startswith(("quantity", "sampleddata")) or "value." in holder:
            return coding_system({row.code.upper(): row.target for row in tables.get(SYSTEMS, ())})
        return identifier_system({row.code: row.target for row in tables.get(AUTHORITIES, ())})
    convert = conversions.get(target.type or "string")
    if convert is None:
        raise MappingError(f"{target.path} is a {target.type}: the row names no sheet that maps its parts")
    allowed = target.codes
    if allowed is not None:
        return lambda run, text: text.strip() if text.strip() in allowed else None
    return lambda run, text: convert(text, run.zone)


def coding_system(known: Mapping[str, str]) -> Convert:
    """Return what turns the name of a code system (table 0396) into its URI."""

    def convert(run: Run, text: str) -> str | None:
        name = text.strip()
        found = known.get(name.upper()) or _as_uri(name)
        if found is None:
            run.unmapped[UnmappedCode(run.sender, SYSTEMS, name)] += 1
        return found

    return convert


def identifier_system(known: Mapping[str, str]) -> Convert:
    """Return what turns an assigning authority into the system of its identifiers."""

    def convert(run: Run, text: str) -> str | None:
        name = text.strip()
        return known.get(name) or _as_uri(name) or CONVERSIONS["uri"](name, run.zone)  # type: ignore[return-value]  # a uri is a text

    return convert


def _as_uri(name: str) -> str | None:
    numbered = _V2_TABLE_OID.fullmatch(name)
    if numbered:
        return f"http://terminology.hl7.org/CodeSystem/v2-{int(numbered[1]):04d}"
    if _OID.fullmatch(name):
        return f"urn:oid:{name}"
    if _ABSOLUTE.fullmatch(name):
        return name
    table = _V2_TABLE.fullmatch(name)
    return f"http://terminology.hl7.org/CodeSystem/v2-{table[1]}" if table else None


def asked(name: str, tables: Tables) -> Asked:
    """Return the condition that a function answers.

    Raises:
        MappingError: there is no such function.
    """
    if name == "is_registered_identifier_system":
        return _registered(frozenset(row.code for row in tables.get(AUTHORITIES, ())))
    if name == "is_unregistered_identifier_system":
        registered = _registered(frozenset(row.code for row in tables.get(AUTHORITIES, ())))
        return lambda source: not registered(source)
    if name == "is_unmapped":
        return lambda source: False
    raise MappingError(f"there is no function {name!r}")


def _registered(known: frozenset[str]) -> Asked:
    def holds(source: Source) -> bool:
        if not isinstance(source, PartSource):
            return False
        authority = [source.run.read(each) for each in source.parts[source.own - 1].split(source.run.subcomponent)]
        if source.name == "EI":
            authority = [source.run.read(each) for each in source.parts[1:4]]
        kind = authority[2] if len(authority) > 2 else ""  # noqa: PLR2004 - HD has three components
        return kind in {"ISO", "UUID"} or authority[0] in known or universal_uri(authority) is not None

    return holds


_OTHER_KINDS = frozenset({"UUID", "GUID", "URI", "DNS"})
"""Types of universal ids (table 0301) that are written otherwise than an OID."""


def universal_uri(authority: Sequence[str]) -> str | None:
    """Return the URI of an assigning authority (HD) that has a universal id; None where it has none that is sound.

    Spec: HL7 v2.8.2 2A.3.36 (HD), table 0301
    """
    universal, kind = (*authority, "", "", "")[1:3]
    said, kind = universal.strip(), kind.strip().upper()
    if kind not in _OTHER_KINDS and _OID.fullmatch(said):
        # some name the register that gave it, such as CLIA
        return f"urn:oid:{said}"
    if kind in {"UUID", "GUID"} and _UUID.fullmatch(said):
        return f"urn:uuid:{said.lower()}"
    if kind in {"URI", ""} and _ABSOLUTE.fullmatch(said):
        return said
    return f"urn:dns:{said.lower()}" if kind == "DNS" and _HOST.fullmatch(said) else None


def authority_uri(run: Run, _content: Building, text: str, place: Place) -> str | None:
    """Return the URI of an assigning authority (HD) by its universal id."""
    return _authority_uri(run, text, place, 1)


def entity_authority_uri(run: Run, _content: Building, text: str, place: Place) -> str | None:
    """Return the URI of who assigned an entity identifier (EI), by its universal id."""
    return _authority_uri(run, text, place, 2)


def _authority_uri(run: Run, text: str, place: Place, first: int) -> str | None:
    authority = [run.read(each) for each in run.parts(text, place)[first - 1 :]]
    found = universal_uri(authority)
    if found is not None:
        run.used += [
            leaf((*place, first + number)) for number in (1, 2) if len(authority) > number and authority[number]
        ]
    return found


def now(run: Run, _content: Building, _text: str, _place: Place) -> str:
    """Return when the message was mapped."""
    return run.now


def whole_text(run: Run, _content: Building, text: str, place: Place) -> str | None:
    """Return all parts of a value as one text, as they stand in the message."""
    used_all(run, text, place)
    return text.strip() or None


def structured_number(run: Run, _content: Building, text: str, place: Place) -> str | None:
    """Return a structured number (SN) as text: ``>100``, ``1:128``."""
    parts = [run.read(part) for part in run.parts(text, place)]
    used_all(run, text, place)
    return " ".join(part for part in parts if part not in {"", NULL}) or None


def base64_text(run: Run, _content: Building, text: str, place: Place) -> str | None:
    """Return a formatted text as base64 of its UTF-8 bytes."""
    used_all(run, text, place)
    said = unescape(text, run.message.delimiters, run.message.charset)
    return base64.b64encode(said.encode()).decode() or None


_TYPES = {"AP": "application", "AU": "audio", "FT": "text", "IM": "image", "SD": "application", "SI": "image"}
_MEDIA = {
    "DOC": "application/msword",
    "GIF": "image/gif",
    "HTML": "text/html",
    "JPEG": "image/jpeg",
    "JPG": "image/jpeg",
    "PDF": "application/pdf",
    "PLAIN": "text/plain",
    "PNG": "image/png",
    "RTF": "application/rtf",
    "TEXT": "text/plain",
    "TIFF": "image/tiff",
    "TXT": "text/plain",
    "XML": "application/xml",
}
"""Subtypes (table 0291) whose media type is known, whatever the type (table 0191) says."""


def content_type(run: Run, _content: Building, text: str, place: Place) -> str:
    """Return the media type of encapsulated data (ED): ``application/pdf`` from ``AP`` (table 0191) and ``PDF``."""
    parts = [run.read(part).strip() for part in run.parts(text, place)]
    kind, inner = (parts[1] if len(parts) > 1 else ""), (parts[2] if len(parts) > 2 else "")  # noqa: PLR2004 - ED.3
    run.used += [(*place, number, 1) for number, said in ((2, kind), (3, inner)) if said]
    if "/" in inner:
        return inner.lower()
    known = _MEDIA.get(inner.upper()) or _MEDIA.get(kind.upper())
    if known is not None:
        return known
    kind = _TYPES.get(kind.upper(), kind.lower())
    return f"{kind}/{inner.lower()}" if kind and inner else "application/octet-stream"


def used_all(run: Run, text: str, place: Place) -> None:
    """Note every leaf of a value as mapped."""
    for number, part in enumerate(run.parts(text, place), 1):
        if not part:
            continue
        if len(place) == 3:  # noqa: PLR2004 - a field's repetition
            for inner, piece in enumerate(part.split(run.subcomponent) if run.subcomponent else [part], 1):
                if piece:
                    run.used.append((*place, number, inner))
        else:
            run.used.append((*place, number))


COMPUTING: Mapping[str, Compute] = MappingProxyType(
    {
        "authority_uri": authority_uri,
        "entity_authority_uri": entity_authority_uri,
        "now": now,
        "whole_text": whole_text,
        "full_name": full_name,
        "structured_number": structured_number,
        "content_type": content_type,
        "base64_text": base64_text,
    }
)
"""Functions that an assignment may call."""
FILLING: Mapping[str, Filling] = MappingProxyType(
    {
        "location_chain": Filling("Location", location_chain),
        "location_of_ndl": Filling("Location", location_of_ndl),
        "family_name_first": Filling("HumanName", family_name_first),
        "family_name_last": Filling("HumanName", family_name_last),
        "reference_range": Filling("Observation.referenceRange", reference_range),
    }
)
"""Functions that a map may call."""
