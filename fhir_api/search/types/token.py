"""Token parameters: codes and identifiers.

Spec: https://hl7.org/fhir/R4/search.html#token
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from fhir_api.model.errors import ErrorKind, FhirError, refuse
from fhir_api.search.code_sets import CodeSets
from fhir_api.search.entries import IdentifierEntry, TextEntry, TokenEntry, new_entry
from fhir_api.search.folding import fold
from fhir_api.search.query import Parameter, StringValue, TokenValue
from fhir_api.search.types.escapes import split, unescape
from fhir_api.search.types.reading import Reading, malformed

Add = Callable[[Any], None]

_PARTS, _OF_TYPE_PARTS = 2, 3
_NEITHER = ["", ""]

UNSAID = frozenset({"id", "extension"})
"""Elements of what has no value: with these alone, as of ``data-absent-reason``, an element counts as missing.

Spec: https://hl7.org/fhir/R4/search.html#modifiers
"""


def coding(add: Add, key: int, value: dict[str, Any]) -> None:
    """Add a Coding; one without system and code is kept as a value that only ``:missing`` sees."""
    code = value.get("code")
    if code is not None or not value.keys() <= UNSAID:
        add(new_entry(TokenEntry, (key, value.get("system"), code or "")))


def codeable_concept(add: Add, key: int, value: dict[str, Any]) -> None:
    """Add each Coding of a CodeableConcept; one of text alone is seen by ``:missing`` only."""
    codings = value.get("coding")
    if not codings:
        if not value.keys() <= UNSAID:
            add(new_entry(TokenEntry, (key, None, "")))
        return
    for member in codings:
        add(new_entry(TokenEntry, (key, member.get("system"), member.get("code") or "")))


def identifier(add: Add, key: int, value: dict[str, Any]) -> None:
    """Add an Identifier, once for each coding of its type."""
    system, code = value.get("system"), value.get("value") or ""
    kind = value.get("type")
    codings = kind.get("coding") if kind else None
    if codings:
        for member in codings:
            add(new_entry(IdentifierEntry, (key, system, code, member.get("system"), member.get("code"))))
    elif code or not value.keys() <= UNSAID:
        add(new_entry(IdentifierEntry, (key, system, code, None, None)))


def contact_point(add: Add, key: int, value: dict[str, Any]) -> None:
    """Add the value of a ContactPoint; it has no system."""
    number = value.get("value")
    if number is not None or not value.keys() <= UNSAID:
        add(new_entry(IdentifierEntry, (key, None, (number or "").casefold(), None, None)))


def boolean(add: Add, key: int, value: object) -> None:
    """Add ``true`` or ``false``."""
    add(new_entry(TokenEntry, (key, None, "true" if value else "false")))


def code(add: Add, key: int, value: str, systems: Mapping[str, str] | None = None) -> None:
    """Add a code; *systems* gives the system that its required binding implies."""
    add(new_entry(TokenEntry, (key, systems.get(value) if systems else None, value)))


def string(add: Add, key: int, value: str) -> None:
    """Add a string, which is compared without case."""
    add(new_entry(IdentifierEntry, (key, None, value.casefold(), None, None)))


def uri(add: Add, key: int, value: str) -> None:
    """Add a uri or an id as written."""
    add(new_entry(IdentifierEntry, (key, None, value, None, None)))


def coding_text(add: Add, key: int, value: dict[str, Any]) -> None:
    """Add the display of a Coding."""
    if display := value.get("display"):
        add(new_entry(TextEntry, (key, display)))


def concept_text(add: Add, key: int, value: dict[str, Any]) -> None:
    """Add the text of a CodeableConcept and the displays of its codings."""
    text = value.get("text")
    if text:
        add(new_entry(TextEntry, (key, text)))
    for member in value.get("coding") or ():
        display = member.get("display")
        if display and display != text:
            add(new_entry(TextEntry, (key, display)))


def identifier_text(add: Add, key: int, value: dict[str, Any]) -> None:
    """Add the text of an Identifier's type."""
    kind = value.get("type")
    if kind and (text := kind.get("text")):
        add(new_entry(TextEntry, (key, text)))


TEXTS: dict[str, Callable[..., None]] = {
    "Coding": coding_text,
    "CodeableConcept": concept_text,
    "Identifier": identifier_text,
}
"""What ``:text`` looks at in each FHIR type that has texts.

Spec: https://hl7.org/fhir/R4/search.html#token
"""


def identifying(add: Add) -> Add:
    """Return what adds codes as :class:`IdentifierEntry`, for parameters that look at codes and identifiers alike."""
    return lambda entry: add(IdentifierEntry(*entry))


LEAVES: dict[str, Callable[..., None]] = {
    "Coding": coding,
    "CodeableConcept": codeable_concept,
    "Identifier": identifier,
    "ContactPoint": contact_point,
    "boolean": boolean,
    "code": code,
    "string": string,
    "markdown": string,
    **dict.fromkeys(("uri", "url", "canonical", "oid", "uuid", "id"), uri),
}
"""What each FHIR type puts into the index."""

IDENTIFYING_TYPES = frozenset(
    {"Identifier", "ContactPoint", "string", "markdown", "uri", "url", "canonical", "oid", "uuid", "id"}
)
"""Types whose values name one thing: their parameters have :class:`IdentifierEntry` entries."""

CASELESS_TYPES = frozenset({"string", "markdown", "ContactPoint"})
"""Types that are compared without case."""

SPECIAL_VALUES = frozenset(
    {"http://hl7.org/fhir/special-values", "http://terminology.hl7.org/CodeSystem/special-values"}
)
"""The implicit system of ``true`` and ``false``, by the search page and by the code system itself."""


def parse(parameter: Parameter, text: str, reading: Reading, modifier: str | None = None) -> TokenValue:
    """Read ``code``, ``system|code``, ``|code``, ``system|``; with ``:of-type`` ``system|code|value``.

    Raises:
        FhirError: MALFORMED for another number of parts or nothing to look for.
    """
    # nearly no value has escapes, and some searches have thousands of values
    parts = [unescape(part) for part in split(text, "|")] if "\\" in text else text.split("|")
    if modifier == "of-type":
        if len(parts) != _OF_TYPE_PARTS or not all(parts):
            raise malformed(parameter, "'system|code|value', all three of them, with ':of-type'")
        system, type_code, value = parts
        return TokenValue(system, value, type_code=type_code)
    if parameter.ignores_case:
        parts[-1] = parts[-1].casefold()
    if len(parts) == 1:
        return TokenValue(None, parts[0], any_system=True)
    if len(parts) > _PARTS or parts == _NEITHER:
        raise malformed(parameter, r"'code', 'system|code', '|code' or 'system|' (a '|' in a code is written '\|')")
    system, code = parts
    if code and system in SPECIAL_VALUES and "boolean" in parameter.element_types:
        system = ""
    return TokenValue(system or None, code or None)


CODE_SETS: Final = frozenset({"in", "not-in", "above", "below"})
"""Modifiers that mean several codes."""


def code_set(parameter: Parameter, modifier: str, text: str, reading: Reading) -> tuple[TokenValue, ...]:
    """Return the codes that a value means with one of the modifiers ``CODE_SETS``.

    Raises:
        FhirError: MALFORMED for a value without system; NOT_SUPPORTED where codes cannot be asked for (in criteria of
            conditional interactions); what :class:`~fhir_api.search.code_sets.CodeSets` refuses.
        NotAtHandError: a definition has to be fetched first.
    """
    if reading.codes is None:
        message = f"':{modifier}' can be used in searches only, not in the criteria of other interactions."
        raise refuse(ErrorKind.NOT_SUPPORTED, message)
    if modifier in {"in", "not-in"}:
        # the version of a canonical follows a bar as well
        return _members(reading.codes, unescape(text), reading.base_url)
    parts = [unescape(part) for part in split(text, "|")]
    if len(parts) != len(("system", "code")) or not all(parts):
        raise malformed(parameter, f"'system|code' with ':{modifier}'")
    return reading.codes.below(*parts) if modifier == "below" else reading.codes.above(*parts)


def _members(codes: CodeSets, value_set: str, base_url: str) -> tuple[TokenValue, ...]:
    """Return the codes of a value set; an address of this server is one before it is a canonical."""
    literal = value_set.removeprefix(f"{base_url}/")
    if literal == value_set:
        return codes.members(value_set)
    try:
        return codes.members(literal)
    except FhirError as error:
        if error.kind is not ErrorKind.NOT_FOUND:
            raise
    return codes.members(value_set)


def media_types_below(code: str) -> tuple[str, ...]:
    """Return how the media types begin that are *code* with parameters, or of the main type *code*.

    Spec: https://hl7.org/fhir/R4/search.html#mimetype
    """
    return (f"{code};", f"{code} ;") if "/" in code else (f"{code}/",)


def text_matches(entry: TextEntry, value: StringValue, modifier: str | None = None) -> bool:
    """Tell whether a text begins with the value, both folded (``:text``)."""
    wanted = fold(value.text)
    return bool(wanted) and fold(entry.text).startswith(wanted)


def matches(entry: TokenEntry | IdentifierEntry, value: TokenValue, modifier: str | None = None) -> bool:
    """Tell whether one entry is what *value* asks for (``:not`` is applied to the set of entries, not here)."""
    if modifier == "of-type":
        return (
            isinstance(entry, IdentifierEntry)
            and entry.code == value.code
            and entry.type_code == value.type_code
            and entry.type_system == value.system
        )
    if modifier == "media-type":
        return entry.code == value.code or entry.code.startswith(media_types_below(value.code or ""))
    if value.any_system:
        return entry.code == value.code
    return entry.system == value.system and (value.code is None or entry.code == value.code)
