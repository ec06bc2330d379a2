"""Reference parameters: references, canonicals, uris, and resources inside a Bundle.

Spec: https://hl7.org/fhir/R4/search.html#reference
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from conformance.types import resource_types
from fhir_api.model.derived import LARGE, Derived
from fhir_api.model.keys import is_logical_id
from fhir_api.model.references import parse_restful
from fhir_api.search.entries import ReferenceEntry, canonical_target, new_entry
from fhir_api.search.query import Parameter, ReferenceValue, TokenValue
from fhir_api.search.types import token
from fhir_api.search.types.escapes import split, unescape
from fhir_api.search.types.reading import Reading, malformed

Add = Callable[[ReferenceEntry], None]
Wanted = Sequence[tuple[int, str | None]]
"""Parameter keys, each with the only target type it takes (``where(resolve() is Patient)``), or None for any."""

_TYPES = frozenset(resource_types())
_members = Derived[str, frozenset[str]](frozenset)


def reference(
    add: Add, wanted: Wanted, value: dict[str, Any], root: dict[str, Any], implied: str | None = None
) -> None:
    """Add a Reference to every parameter that wants it.

    Args:
        add: takes the entries.
        wanted: the parameters on this element.
        value: the Reference.
        root: the resource, for references into ``contained``.
        implied: the type of the target where the definition allows only one.
    """
    text = value.get("reference")
    if text is None:
        if value.keys() <= token.UNSAID:
            return
        target, kind = "", value.get("type") or implied
    else:
        target, kind = _target(text, root)
        kind = kind or value.get("type") or implied
    identifier = value.get("identifier")
    system, code = (identifier.get("system"), identifier.get("value")) if identifier else (None, None)
    for key, only in wanted:
        if only is None or only == kind:
            add(new_entry(ReferenceEntry, (key, target, kind, None, system, code)))


def _target(text: str, root: dict[str, Any]) -> tuple[str, str | None]:
    """Return what *text* points at, without a version, and its type."""
    head, slash, logical_id = text.partition("/")
    if slash and head in _TYPES and "/" not in logical_id and "#" not in logical_id:
        return text, head
    if text.startswith("#"):
        contained = (inner for inner in root.get("contained") or () if inner.get("id") == text[1:])
        return text, next((inner.get("resourceType") for inner in contained), None)
    restful = parse_restful(text)
    if restful is None or restful.key.resource_type not in _TYPES:
        return text, None
    target = str(restful.key) if restful.base is None else f"{restful.base}/{restful.key}"
    return target, restful.key.resource_type


def canonical(add: Add, key: int, value: str) -> None:
    """Add a canonical, its version apart."""
    url, _, version = value.partition("|")
    add(new_entry(ReferenceEntry, (key, url, None, version or None, None, None)))
    add(new_entry(ReferenceEntry, (key, canonical_target(url, version), None, None, None, None)))


def uri(add: Add, key: int, value: str) -> None:
    """Add a uri as written."""
    add(ReferenceEntry(key, value))


def resource(add: Add, key: int, value: dict[str, Any], targets: Sequence[str] = ()) -> None:
    """Add a resource that stands inside another (parameters ``composition`` and ``message`` of Bundle)."""
    kind, logical_id = value.get("resourceType"), value.get("id")
    if not targets or kind in targets:
        add(ReferenceEntry(key, f"{kind}/{logical_id}" if logical_id else "", kind))


LEAVES: dict[str, Callable[..., None]] = {
    "Reference": reference,
    "canonical": canonical,
    "Resource": resource,
    **dict.fromkeys(("uri", "url"), uri),
}
"""What each FHIR type puts into the index."""


def parse(
    parameter: Parameter, text: str, reading: Reading, modifier: str | None = None
) -> ReferenceValue | TokenValue:
    """Read ``id``, ``Type/id``, an absolute URL or a canonical; a TokenValue with ``:identifier``.

    Args:
        parameter: the reference parameter.
        text: still escaped.
        reading: knows this server's base.
        modifier: None, ``identifier``, or the type that a bare id is of.

    Raises:
        FhirError: MALFORMED for an empty value, or a modifier's type that contradicts the value.
    """
    if modifier == "identifier":
        return token.parse(parameter, text, reading)
    base = f"{reading.base_url}/"
    if parameter.is_canonical:
        parts = [unescape(part) for part in split(text, "|")]
        url, version = parts[0], "|".join(parts[1:])
        return ReferenceValue(tuple(dict.fromkeys((url, url.removeprefix(base)))), version or None)
    literal = unescape(text).removeprefix(base) if reading.base_url else unescape(text)
    if is_logical_id(literal):
        return ReferenceValue(tuple(f"{kind}/{literal}" for kind in _possible_types(parameter, modifier)))
    restful = parse_restful(literal)
    if restful is None or restful.key.resource_type not in _TYPES:
        if modifier is not None:
            raise malformed(parameter, f"a logical id with ':{modifier}'")
        return ReferenceValue((literal,))
    if modifier not in {None, restful.key.resource_type}:
        raise malformed(parameter, f"an id of a {modifier} with ':{modifier}'")
    return ReferenceValue((str(restful.key) if restful.base is None else f"{restful.base}/{restful.key}",))


def _possible_types(parameter: Parameter, modifier: str | None) -> Sequence[str]:
    if modifier is not None:
        return (modifier,)
    if parameter.targets and "Resource" not in parameter.targets:
        return parameter.targets
    return resource_types()


def matches(entry: ReferenceEntry, value: ReferenceValue | TokenValue, modifier: str | None = None) -> bool:
    """Tell whether a reference points at one of the candidates, or carries the identifier.

    With the modifier ``versions`` the version of a canonical begins with the value's: ``1`` is any ``1.x``.
    """
    if isinstance(value, TokenValue):
        system, code = entry.identifier_system, entry.identifier_value
        if value.any_system:
            return code == value.code
        return (system, code) != (None, None) and system == value.system and value.code in {None, code}
    if entry.target not in (value.candidates if len(value.candidates) < LARGE else _members.of(value.candidates)):
        return False
    if modifier == "versions":
        return f"{entry.version}.".startswith(f"{value.version}.")
    return value.version in {None, entry.version}
